"""Reads our messages with implementations from PyPI, and writes the same messages with them for us.

readers.py OURS THEIRS: both are folders; expected.json in OURS says what the messages mean.
"""

import json
import struct
import sys
from pathlib import Path

import hiredis
import items_pb2
import jsonrpcclient
import jsonrpcserver
from dubbo.codec.decoder import Response as DubboResponse, parse_response_head
from dubbo.codec.encoder import Object as DubboObject, Request as DubboRequest
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.protocol.TCompactProtocol import TCompactProtocol
from thrift.Thrift import TMessageType, TType
from thrift.transport.TTransport import TFramedTransport, TMemoryBuffer

ours, theirs = Path(sys.argv[1]), Path(sys.argv[2])
expected = json.loads((ours / "expected.json").read_text())
number, calls, replies = expected["id"], expected["calls"], expected["replies"]
ANSWERS = {"get": ["item", "missing"], "list": ["items"], "create": ["created"]}


def same(want, got, what):
    if want != got:
        sys.exit(f"{what}: expected {want!r}, got {got!r}")


# Thrift: structs by their specifications, as its compiler would write them.

class Struct:
    def __init__(self, **fields):
        self.__dict__.update({spec[2]: None for spec in self.thrift_spec if spec})
        self.__dict__.update(fields)


class Item(Struct):
    thrift_spec = (
        None,
        (1, TType.I64, "id", None, None),
        (2, TType.STRING, "name", "UTF8", None),
        (3, TType.I64, "price_cents", None, None),
        (4, TType.LIST, "tags", (TType.STRING, "UTF8", False), None),
        (5, TType.I32, "stock", None, None),
    )

    def read(self, protocol):
        protocol.readStruct(self, self.thrift_spec)

    def write(self, protocol):
        protocol.writeStruct(self, self.thrift_spec)


class NotFound(Struct):
    thrift_spec = (None, (1, TType.I64, "id", None, None), (2, TType.STRING, "message", "UTF8", None))
    read, write = Item.read, Item.write


ITEM = (Item, Item.thrift_spec)


class GetArguments(Struct):
    thrift_spec = (None, (1, TType.I64, "id", None, None))


class ListArguments(Struct):
    thrift_spec = (None, (1, TType.I32, "page", None, None), (2, TType.I32, "size", None, None))


class CreateArguments(Struct):
    thrift_spec = (None, (1, TType.STRUCT, "item", ITEM, None))


class GetResult(Struct):
    thrift_spec = (
        (0, TType.STRUCT, "success", ITEM, None),
        (1, TType.STRUCT, "not_found", (NotFound, NotFound.thrift_spec), None),
    )


class ListResult(Struct):
    thrift_spec = ((0, TType.LIST, "success", (TType.STRUCT, ITEM, False), None),)


class CreateResult(Struct):
    thrift_spec = ((0, TType.I64, "success", None, None),)


METHODS = {
    "get": (GetArguments, GetResult),
    "list": (ListArguments, ListResult),
    "create": (CreateArguments, CreateResult),
}


def plain(value):
    """Structs as dictionaries, for comparison."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    return dict(value.__dict__) if isinstance(value, Struct) else value


def thrift_read(protocol, path, structure, kind, name):
    data = path.read_bytes()
    transport = TFramedTransport(TMemoryBuffer(data))
    reader = protocol(transport)
    same((name, kind, number), reader.readMessageBegin(), path.name)
    reader.readStruct(structure, structure.thrift_spec)
    reader.readMessageEnd()
    return structure


def thrift_write(protocol, path, structure, kind, name):
    memory = TMemoryBuffer()
    transport = TFramedTransport(memory)
    writer = protocol(transport)
    writer.writeMessageBegin(name, kind, number)
    writer.writeStruct(structure, structure.thrift_spec)
    writer.writeMessageEnd()
    transport.flush()
    path.write_bytes(memory.getvalue())


def thrift():
    count = 0
    for form, protocol in (("thrift-binary", TBinaryProtocol), ("thrift-compact", TCompactProtocol)):
        for name, (arguments, result) in METHODS.items():
            file = f"{form}-{name}.call"
            read = thrift_read(protocol, ours / file, arguments(), TMessageType.CALL, name)
            same(calls[name], [plain(value) for value in read.__dict__.values()], file)
            thrift_write(protocol, theirs / file, read, TMessageType.CALL, name)
            for answer in ANSWERS[name]:
                file = f"{form}-{answer}.reply"
                read = thrift_read(protocol, ours / file, result(), TMessageType.REPLY, name)
                if answer == "missing":
                    same(replies[answer], read.not_found.id, file)
                else:
                    same(replies[answer], plain(read.success), file)
                thrift_write(protocol, theirs / file, read, TMessageType.REPLY, name)
                count += 1
            count += 1
    print(f"thrift: {count} messages read and written again")


# JSON-RPC: our calls are served, our replies are parsed, and their calls are for us.

@jsonrpcserver.method
def get(id):
    if id != replies["item"]["id"]:
        return jsonrpcserver.Error(404, f"no item {id}", id)
    return jsonrpcserver.Success(replies["item"])


@jsonrpcserver.method(name="list")
def list_items(page, size):
    same([page, size], calls["list"], "list")
    return jsonrpcserver.Success(replies["items"])


@jsonrpcserver.method
def create(item):
    same([item], calls["create"], "create")
    return jsonrpcserver.Success(replies["created"])


def json_rpc():
    names = {"get": ["id"], "list": ["page", "size"], "create": ["item"]}
    for name, arguments in calls.items():
        served = jsonrpcserver.dispatch((ours / f"json-rpc-{name}.call").read_text())
        (theirs / f"json-rpc-{ANSWERS[name][0]}.reply").write_text(served)
        by_name = dict(zip(names[name], arguments))
        call = jsonrpcclient.request_json(name, params=by_name, id=number)
        (theirs / f"json-rpc-{name}.call").write_text(call)
    missing = jsonrpcclient.request_json("get", params={"id": replies["missing"]}, id=number)
    (theirs / "json-rpc-missing.reply").write_text(jsonrpcserver.dispatch(missing))
    for name, value in replies.items():
        parsed = jsonrpcclient.parse_json((ours / f"json-rpc-{name}.reply").read_text())
        same(number, parsed.id, name)
        if name == "missing":
            same((404, value), (parsed.code, parsed.data), name)
        else:
            same(value, parsed.result, name)
    print("jsonrpcserver, jsonrpcclient: 3 calls of ours served, 4 replies of ours read, 7 messages of theirs for us")


# RESP: a parser of replies, and a writer of requests.

def resp():
    reader = hiredis.Reader()
    for byte in (ours / "redis.replies").read_bytes():
        reader.feed(bytes([byte]))
    values = []
    while (value := reader.gets()) is not False:
        values.append(value)
    same("ERR no", str(values.pop(1)), "redis.replies")
    bulk = b"a\r\nb\0"
    same([b"OK", -(2**63), bulk, None, None, [1, [b"x", None]]], values, "redis.replies")
    requests = [("SET", "session:1", bulk, "EX", "60"), ("GET", "session:1"), ("PING",)]
    packed = b"".join(hiredis.pack_command(request) for request in requests)
    same(packed, (ours / "redis.requests").read_bytes(), "redis.requests")
    (theirs / "redis.requests").write_bytes(packed)
    print("hiredis: 7 replies of ours read, 3 requests are the same bytes")


# Dubbo: replies are decoded, requests are encoded.

def dubbo_item(item):
    # The library knows no long below 32 bits and no empty list; the sample has neither.
    return DubboObject("clockwire.Item", {
        "id": item["id"], "name": item["name"], "priceCents": item["price_cents"],
        "stock": item["stock"], "tags": item["tags"],
    })


def dubbo():
    for name, arguments in calls.items():
        arguments = [dubbo_item(value) if isinstance(value, dict) else value for value in arguments]
        request = DubboRequest({
            "dubbo_version": "2.0.2", "path": "clockwire.ItemService", "version": "0.0.0",
            "method": name, "arguments": arguments, "context": None,
        })
        request.invoke_id = number
        (theirs / f"dubbo-{name}.call").write_bytes(bytes(request.encode()))
        # Names in objects and attachments may come in another order, so only these are the same bytes.
        if name != "create":
            same((ours / f"dubbo-{name}.call").read_bytes(), bytes(request.encode()), f"dubbo-{name}.call")
    for name, value in replies.items():
        data = (ours / f"dubbo-{name}.reply").read_bytes()
        heartbeat, length = parse_response_head(data[:16])
        same((0, len(data) - 16, number), (heartbeat, length, struct.unpack("!q", data[4:12])[0]), name)
        body = DubboResponse(data[16:])
        if name == "missing":
            same(0, body.read_int(), name)
            error = body.read_error()
            same(("clockwire.NotFoundException", value), (error["cause"], error["id"]), name)
            continue
        same(1, body.read_int(), name)
        read = body.read_next()
        items = read if isinstance(read, list) else [read]
        for item in items if name != "created" else []:
            item["price_cents"] = item.pop("priceCents")
        same(value, read, name)
        same(0, body.length(), name)
    print("python3-dubbo: 4 replies of ours read, 3 requests written, 2 of them the same bytes as ours")


# gRPC: messages by the classes that the compiler of Protocol Buffers makes of the service's description.

def message_of(kind, value):
    return kind(**{field: value[field] for field in ("id", "name", "price_cents", "tags", "stock")})


def grpc():
    calls_as = {
        "get": lambda id: items_pb2.GetRequest(id=id),
        "list": lambda page, size: items_pb2.ListRequest(page=page, size=size),
        "create": lambda item: items_pb2.CreateRequest(item=message_of(items_pb2.Item, item)),
    }
    replies_as = {
        "item": lambda item: message_of(items_pb2.Item, item),
        "items": lambda items: items_pb2.ListResponse(items=[message_of(items_pb2.Item, item) for item in items]),
        "created": lambda id: items_pb2.CreateResponse(id=id),
    }
    wanted = {f"grpc-{name}.call": make(*calls[name]) for name, make in calls_as.items()}
    wanted |= {f"grpc-{name}.reply": make(replies[name]) for name, make in replies_as.items()}
    for file, message in wanted.items():
        data = (ours / file).read_bytes()
        same(message, type(message).FromString(data), file)
        same(message.SerializeToString(deterministic=True), data, file)
        (theirs / file).write_bytes(message.SerializeToString())
    service = items_pb2.DESCRIPTOR.services_by_name["ItemService"]
    methods = {method.name: (method.input_type.name, method.output_type.name) for method in service.methods}
    same({"Get": ("GetRequest", "Item"), "List": ("ListRequest", "ListResponse"),
          "Create": ("CreateRequest", "CreateResponse"), "Watch": ("ListRequest", "Item"),
          "Upload": ("Item", "UploadResponse"), "Chat": ("Item", "Item")}, methods, "methods")
    print(f"protobuf: {len(wanted)} messages of ours read, as many written, all of them the same bytes")


thrift()
json_rpc()
resp()
dubbo()
grpc()
