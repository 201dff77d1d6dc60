import { TemplateError } from "./error.ts";
import type { Token } from "./lexer.ts";

const DEEPEST = 200; // brackets and blocks within each other
const LONGEST = 500; // operators, attributes or filters in a row, each around the one before

/** Tokens, read one after the other. */
export class TokenStream {
  protected at = 0;
  private depth = 0;
  constructor(protected readonly tokens: Token[]) {}

  protected get token(): Token | undefined {
    return this.tokens[this.at];
  }
  protected is(type: Token["type"], value?: string): boolean {
    const { token } = this;
    return token !== undefined && token.type === type && (value === undefined || token.value === value);
  }
  protected isWord(...words: string[]): boolean {
    return this.token?.type === "name" && words.includes(this.token.value);
  }
  protected skip(type: Token["type"], value: string): boolean {
    const found = this.is(type, value);
    if (found) this.at++;
    return found;
  }
  protected expect(type: Token["type"], value?: string): string {
    if (!this.is(type, value)) throw this.unexpected(value ?? type);
    return this.tokens[this.at++]!.value;
  }
  protected unexpected(wanted?: string): TemplateError {
    const { token } = this;
    const line = token?.line ?? this.tokens.at(-1)?.line ?? 1;
    const found = token === undefined ? "the end" : token.value || `the ${token.type} of a tag`;
    return new TemplateError(`line ${line}: unexpected ${found}${wanted ? `, expected ${wanted}` : ""}`);
  }
  protected nested<T>(read: () => T): T {
    if (++this.depth > DEEPEST) throw this.tooDeep();
    const result = read();
    this.depth--;
    return result;
  }
  /** Of a chain whose every link is around the one before. */
  protected checkLength(links: number): void {
    if (links > LONGEST) throw this.tooDeep();
  }
  private tooDeep(): TemplateError {
    return new TemplateError(`line ${this.token?.line ?? this.tokens.at(-1)?.line}: nested too deeply`);
  }
}
