"""The model as a graph for ONNX Runtime, in f32 and on one thread, made from the same weights.

The graph has the runtime's own fused operators (attention, skip-and-normalise, bias-and-GELU), which its optimizer would
put into an exported model. Reads lists of tokens from the standard input, a line each, and answers with what the run took
in milliseconds and the embedding."""

import json
import sys
import time

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

folder = sys.argv[1]
config = json.load(open(f"{folder}/config.json"))
with open(f"{folder}/model.safetensors", "rb") as file:
    length = int.from_bytes(file.read(8), "little")
    header = json.loads(file.read(length))
    body = file.read()
initializers, nodes = [], []


def weights(name):
    described = header[name]
    start, end = described["data_offsets"]
    return np.frombuffer(body[start:end], np.float32).reshape(described["shape"])


def constant(name, array):
    initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
    return name


def node(kind, inputs, output, domain="", **attributes):
    nodes.append(helper.make_node(kind, inputs, [output], domain=domain, **attributes))
    return output


def fused(kind, inputs, output, **attributes):
    return node(kind, inputs, output, domain="com.microsoft", **attributes)


epsilon = config["layer_norm_eps"]
words = constant("words", weights("embeddings.word_embeddings.weight"))
positions = constant("positions", weights("embeddings.position_embeddings.weight"))
kind = constant("kind", weights("embeddings.token_type_embeddings.weight")[0])
found = node("Gather", [words, "tokens"], "found")
shape = node("Shape", ["tokens"], "shape")
zero, one = constant("zero", np.array([0])), constant("one", np.array([1]))
count = node("Slice", [shape, one, constant("two", np.array([2]))], "count")
placed = node("Add", [node("Slice", [positions, zero, count, zero], "places"), kind], "placed")
summed = node("Add", [found, placed], "summed")
norm = [constant(f"norm.{part}", weights(f"embeddings.LayerNorm.{part}")) for part in ("weight", "bias")]
hidden = node("LayerNormalization", [summed, *norm], "hidden", epsilon=epsilon)
for number in range(config["num_hidden_layers"]):
    def linear(path, number=number):
        path = f"encoder.layer.{number}.{path}"
        return weights(f"{path}.weight").T, weights(f"{path}.bias")

    def named(name, array, number=number):
        return constant(f"weights.{number}.{name}", array)

    def skip(path, inputs, output, number=number):
        parts = [weights(f"encoder.layer.{number}.{path}.LayerNorm.{part}") for part in ("weight", "bias")]
        norm = [named(f"{output}.{at}", part) for at, part in enumerate(parts)]
        bias = named(f"{output}.bias", linear(f"{path}.dense")[1])
        return fused("SkipLayerNormalization", [*inputs, *norm, bias], f"{number}.{output}", epsilon=epsilon)

    parts = [linear(f"attention.self.{part}") for part in ("query", "key", "value")]
    inner = named("qkv", np.concatenate([weight for weight, _ in parts], axis=1))
    bias = named("qkv.bias", np.concatenate([bias for _, bias in parts]))
    heads = config["num_attention_heads"]
    seen = fused("Attention", [hidden, inner, bias], f"{number}.seen", num_heads=heads)
    out = node("MatMul", [seen, named("out", linear("attention.output.dense")[0])], f"{number}.attended")
    hidden = skip("attention.output", [out, hidden], "after")
    wide, bias = linear("intermediate.dense")
    raised = node("MatMul", [hidden, named("wide", wide)], f"{number}.raised")
    raised = fused("BiasGelu", [raised, named("wide.bias", bias)], f"{number}.bent")
    back = node("MatMul", [raised, named("back", linear("output.dense")[0])], f"{number}.back")
    hidden = skip("output", [back, hidden], "done")
mean = node("ReduceMean", [hidden, one], "mean", keepdims=0)
node("LpNormalization", [mean], "embedding", axis=1, p=2)

graph = helper.make_graph(
    nodes,
    "minilm",
    [helper.make_tensor_value_info("tokens", TensorProto.INT64, [1, "n"])],
    [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, config["hidden_size"]])],
    initializers,
)
opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
for line in sys.stdin:
    tokens = np.array([json.loads(line)], np.int64)
    start = time.perf_counter()
    (embedding,) = session.run(["embedding"], {"tokens": tokens})
    took = (time.perf_counter() - start) * 1e3
    print(json.dumps({"ms": took, "embedding": embedding[0].tolist()}), flush=True)
