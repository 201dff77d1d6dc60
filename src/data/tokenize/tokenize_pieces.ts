import { AttuneError } from "../../text/errors.ts";
import type { DocumentPiece } from "./chunk_rows.ts";
import { emptyReport, reportExample, reportSequences, reportUnusable } from "./preparation_report.ts";
import { packSequences } from "./sequence_block.ts";
import type { TokenizedChunk } from "./tokenize_chunk.ts";
import type { OpenDocument } from "./tokenize_document.ts";
import { openTextDocument, type TokenizeOptions } from "./tokenize_example.ts";

/** Tokenizes documents of which one piece after the other is given. */
export function pieceTokenizer(options: TokenizeOptions): (piece: DocumentPiece) => TokenizedChunk {
  let document: OpenDocument | "failed" | undefined;
  return (piece) => {
    const before = document;
    try {
      document ??= openTextDocument(piece.origin, options);
      return document === "failed" ? nothing() : addTo(document, piece);
    } catch (error) {
      if (!(error instanceof AttuneError)) throw error;
      document = "failed";
      return nothing(before === "failed" ? undefined : { ...piece, kind: "unusable", reason: error.message });
    } finally {
      if (piece.isLast) document = undefined;
    }
  };
}

function addTo(document: OpenDocument, { text, origin, isLast }: DocumentPiece): TokenizedChunk {
  const report = emptyReport();
  const sequences = document.add(text);
  if (isLast) {
    const { sequences: others, dropped } = document.end();
    const all = [...sequences, ...others];
    reportExample(report, { sequences: all, truncated: false, dropped }, origin);
    return { block: packSequences(all), report };
  }
  reportSequences(report, sequences);
  return { block: packSequences(sequences), report };
}

function nothing(unusable?: Parameters<typeof reportUnusable>[1]): TokenizedChunk {
  const report = emptyReport();
  if (unusable) reportUnusable(report, unusable);
  return { block: packSequences([]), report };
}
