"""Payloads: Python's values as messages `Value`, and back."""

from collections.abc import Mapping

from stook_pb2 import Array, Field, Object, Value

MAX_DEPTH = 32  # arrays and objects inside each other


def to_value(data, depth=MAX_DEPTH):
    if data is None:
        return Value(null=True)
    if isinstance(data, bool):  # before int, which it is as well
        return Value(bool=data)
    if isinstance(data, int):
        return Value(int=data)  # ValueError if it does not fit into 64 bits
    if isinstance(data, float):
        return Value(float=data)
    if isinstance(data, str):
        return Value(string=data)
    if isinstance(data, (bytes, bytearray)):
        return Value(bytes=bytes(data))
    if not depth:
        raise ValueError(f"more than {MAX_DEPTH} arrays and objects inside each other")
    if isinstance(data, Mapping):
        fields = [Field(name=name, value=to_value(value, depth - 1)) for name, value in data.items()]
        return Value(object=Object(fields=fields))
    return Value(array=Array(elements=[to_value(element, depth - 1) for element in data]))


def from_value(value):
    kind = value.WhichOneof("kind")
    if kind is None:
        raise ValueError("a value of no known kind")
    if kind == "null":
        return None
    if kind == "array":
        return [from_value(element) for element in value.array.elements]
    if kind == "object":
        return {field.name: from_value(field.value) for field in value.object.fields}
    return getattr(value, kind)
