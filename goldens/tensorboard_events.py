"""An event file and what TensorBoard reads of a resumed run: goldens/tensorboard. Needs tensorboard 2.21."""

import json
import shutil
from pathlib import Path

OUT = Path("goldens/tensorboard")
WALL = 1767225600.25

# Kind, step, and what it holds, in the order of a run: two files, the second of a start that went on from step 3.
FILES = {
    "events.out.tfevents.1767225600.host.1.0": [
        ["version", 0, None],
        ["text", 0, ["settings", "| key | value |\n| --- | --- |\n| `model` | é 模型 |"]],
        ["scalars", 0, {"eval/loss": 6.5, "eval/exactMatch": 0.0}],
        *(["scalars", step, {"train/loss": 5 / step, "train/gradNorm": 1e-12 * step}] for step in (1, 2, 3, 4, 200, 300000)),
    ],
    "events.out.tfevents.1767225601.host.2.0": [
        ["version", 0, None],
        ["restart", 4, None],
        *(["scalars", step, {"train/loss": 7 / step}] for step in (4, 5)),
    ],
}


def make():
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.compat.proto.event_pb2 import Event, SessionLog
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
    from tensorboard.summary.writer.record_writer import RecordWriter

    def proto(kind, step, content):
        event = Event(wall_time=WALL + step, step=step)
        if kind == "version":
            event = Event(wall_time=WALL, file_version="brain.Event:2")
        elif kind == "restart":
            event.session_log.CopyFrom(SessionLog(status=SessionLog.START))
        elif kind == "scalars":
            event.summary.CopyFrom(Summary(value=[Summary.Value(tag=t, simple_value=v) for t, v in content.items()]))
        else:
            tag, text = content
            plugin = SummaryMetadata.PluginData(plugin_name="text")
            shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)])
            tensor = TensorProto(dtype="DT_STRING", string_val=[text.encode()], tensor_shape=shape)
            value = Summary.Value(tag=tag, metadata=SummaryMetadata(plugin_data=plugin), tensor=tensor)
            event.summary.CopyFrom(Summary(value=[value]))
        return event

    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    for name, events in FILES.items():
        with open(OUT / name, "wb") as file:
            writer = RecordWriter(file)
            for event in events:
                writer.write(proto(*event).SerializeToString(deterministic=True))
    accumulator = EventAccumulator(str(OUT))
    accumulator.Reload()
    read = {
        "scalars": {tag: [[e.step, e.value] for e in accumulator.Scalars(tag)] for tag in accumulator.Tags()["scalars"]},
        "texts": {
            tag: [e.tensor_proto.string_val[0].decode() for e in accumulator.Tensors(tag)]
            for tag in accumulator.Tags()["tensors"]
        },
    }
    case = {"wallTime": WALL, "files": FILES, "read": read}
    (OUT / "case.json").write_text(json.dumps(case, indent=1, ensure_ascii=False) + "\n")
