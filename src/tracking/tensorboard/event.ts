/** TensorBoard's events, by the field numbers of its event.proto, summary.proto and tensor.proto. */
import { bytesField, doubleField, floatField, intField, message, textField } from "./protobuf.ts";

export interface EventTime {
  /** Seconds since 1970. */
  wallTime: number;
  step: number;
}

const event = ({ wallTime, step }: EventTime, content: Uint8Array) =>
  message(doubleField(1, wallTime), intField(2, step), content);

/** The first of each file. */
export const versionEvent = (wallTime: number): Uint8Array =>
  event({ wallTime, step: 0 }, textField(3, "brain.Event:2"));

/** Says that the run goes on here: TensorBoard forgets what earlier files hold of this step and those after it. */
export const restartEvent = (time: EventTime): Uint8Array => event(time, bytesField(7, intField(1, 1)));

/** Figures of a step, by their tags. */
export const scalarsEvent = (
  time: EventTime,
  values: readonly (readonly [tag: string, value: number])[],
): Uint8Array =>
  event(
    time,
    bytesField(
      5,
      message(
        ...values.map(([tag, value]) => bytesField(1, message(textField(1, tag), floatField(2, value)))),
      ),
    ),
  );

/** A text, which TensorBoard shows as Markdown. */
export function textEvent(time: EventTime, tag: string, text: string): Uint8Array {
  const tensor = message(
    intField(1, STRING),
    bytesField(2, bytesField(2, intField(1, 1))), // of shape [1]
    textField(8, text),
  );
  const metadata = bytesField(1, textField(1, "text"));
  const value = message(textField(1, tag), bytesField(8, tensor), bytesField(9, metadata));
  return event(time, bytesField(5, bytesField(1, value)));
}

const STRING = 7; // DataType.DT_STRING
