"""Judges recorded requests and replies of AWS by the models that AWS publishes.

    python .ci/botocore_check.py [--prove] --expect SERVICE... -- FOLDER

Tests of tidegate-aws write every exchange between the Rust SDK and our fakes down when
TIDEGATE_AWS_RECORD names a folder. Here each line is checked by code that is neither ours nor the Rust
SDK's: requests are decoded by the model, checked by botocore's validator, serialised again by botocore
and compared; replies are parsed by botocore's parsers and checked against the output's shape, without
members that the model does not know.

--prove spoils a copy of every kind of exchange in several ways and fails unless each is noticed.
--expect fails unless there are records of each of these services (botocore's names).
"""

import argparse
import base64
import copy
import io
import json
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree
from urllib.parse import parse_qsl, unquote

import botocore.parsers
import botocore.serialize
import botocore.session
from botocore.exceptions import ParamValidationError
from botocore.validate import ParamValidator

CBOR = "smithy-rpc-v2-cbor"
# Codes that AWS documents for every service, or that faults of the wire bring, beside the model's.
COMMON_ERRORS = {
    "AccessDenied", "AccessDeniedException", "ExpiredToken", "ExpiredTokenException",
    "InternalFailure", "InternalError", "ThrottlingException", "Throttling",
    "UnknownOperationException", "UnrecognizedClientException", "ValidationError",
    "ValidationException", "InvalidAction",
}
SESSION = botocore.session.get_session()
MODELS = {}


class Wrong(Exception):
    """What is wrong with an exchange."""


def model_of(service):
    if service not in MODELS:
        MODELS[service] = SESSION.get_service_model(service)
    return MODELS[service]


def protocol_of(record, model):
    """How this exchange speaks: a service may offer several protocols."""
    headers = dict(record["request"]["headers"])
    if headers.get("smithy-protocol") == "rpc-v2-cbor":
        return CBOR
    if "x-amz-target" in headers:
        return "json"
    return model.metadata["protocol"]


def body_bytes(part):
    body = part["body"]
    return bytes.fromhex(body["hex"]) if "hex" in body else body["text"].encode()


def decode_cbor(data):
    parser = botocore.parsers.create_parser(CBOR)
    return parser.parse_data_item(io.BufferedReader(io.BytesIO(data))) if data else {}


# --- requests ---------------------------------------------------------------------------------


def member_of(shape, name, where):
    """The member that a wire name stands for."""
    for key, member in shape.members.items():
        if member.serialization.get("name", key) == name:
            return key, member
    raise Wrong(f"{where}: {shape.name} has no member {name!r}")


def from_json(value, shape, where):
    """JSON of the wire as the value that botocore's validator knows."""
    kind = shape.type_name
    if value is None:
        return None
    if kind == "structure" and not getattr(shape, "is_document_type", False):
        if not isinstance(value, dict):
            raise Wrong(f"{where}: {value!r} is no {shape.name}")
        known = {}
        for name, inner in value.items():
            key, member = member_of(shape, name, where)
            if inner is not None:
                known[key] = from_json(inner, member, f"{where}.{key}")
        return known
    if kind == "list":
        return [from_json(one, shape.member, f"{where}[{i}]") for i, one in enumerate(value)]
    if kind == "map":
        return {key: from_json(one, shape.value, f"{where}.{key}") for key, one in value.items()}
    if kind == "blob" and isinstance(value, str):
        return base64.b64decode(value)
    if kind in ("float", "double") and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value


SCALARS = {
    "boolean": lambda text: {"true": True, "false": False}[text],
    "integer": int, "long": int, "float": float, "double": float,
}


def scalar(text, shape, where):
    try:
        return SCALARS.get(shape.type_name, str)(text)
    except (KeyError, ValueError):
        raise Wrong(f"{where}: {text!r} is no {shape.type_name}") from None


def from_form(pairs, shape, where):
    """Pairs of the query protocol, as in A.member.1.B=c, as a value."""
    kind = shape.type_name
    if kind not in ("structure", "list", "map"):
        if len(pairs) != 1 or pairs[0][0]:
            raise Wrong(f"{where}: {pairs} for a {kind}")
        return scalar(pairs[0][1], shape, where)
    groups = {}
    for path, value in pairs:
        groups.setdefault(path[0] if path else "", []).append((path[1:], value))
    if kind == "structure":
        known = {}
        for name, inner in groups.items():
            key, member = member_of(shape, name, where)
            known[key] = from_form(inner, member, f"{where}.{key}")
        return known
    if set(groups) - {"member", "entry"}:
        raise Wrong(f"{where}: {sorted(groups)} in a {kind}")
    items = {}
    for path, value in next(iter(groups.values()), []):
        items.setdefault(int(path[0]), []).append((path[1:], value))
    if sorted(items) != list(range(1, len(items) + 1)):
        raise Wrong(f"{where}: items {sorted(items)}")
    ordered = [items[i] for i in sorted(items)]
    if kind == "list":
        return [from_form(one, shape.member, f"{where}[]") for one in ordered]
    known = {}
    key_name = shape.key.serialization.get("name", "key")
    value_name = shape.value.serialization.get("name", "value")
    for one in ordered:
        key = [value for path, value in one if path == [key_name]]
        inner = [(path[1:], value) for path, value in one if path[0] == value_name]
        if len(key) != 1:
            raise Wrong(f"{where}: {one} in a map")
        known[key[0]] = from_form(inner, shape.value, f"{where}.{key[0]}")
    return known


def decode_query(record, operation, model):
    body = body_bytes(record["request"]).decode()
    pairs = [(name.split("."), value) for name, value in parse_qsl(body, keep_blank_values=True)]
    fixed = {path[0]: value for path, value in pairs if path[0] in ("Action", "Version")}
    if fixed != {"Action": operation.name, "Version": model.api_version}:
        raise Wrong(f"request: {fixed}")
    rest = [(path, value) for path, value in pairs if path[0] not in fixed]
    return from_form(rest, operation.input_shape, "request")


def decode_rest(record, operation):
    """Path, query, headers and body of a rest-json request, by the operation's URI."""
    request = record["request"]
    shape = operation.input_shape
    template = operation.http["requestUri"].split("?")[0].rstrip("/")
    pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(template))
    match = re.fullmatch(pattern, request["path"].rstrip("/"))
    if not match or request["method"] != operation.http["method"]:
        raise Wrong(f"request: {request['method']} {request['path']} is not {operation.http}")
    query, headers = dict(request["query"]), dict(request["headers"])
    params, in_body = {}, {}
    for key, member in shape.members.items():
        place, name = member.serialization.get("location"), member.serialization.get("name", key)
        where = f"request.{key}"
        if place == "uri":
            params[key] = scalar(unquote(match[name]), member, where)
        elif place == "querystring" and name in query:
            params[key] = scalar(query.pop(name), member, where)
        elif place == "header" and name.lower() in headers:
            params[key] = scalar(headers[name.lower()], member, where)
        elif place is None:
            in_body[key] = member
    if query:
        raise Wrong(f"request: unknown in the query: {query}")
    data = body_bytes(request)
    body = json.loads(data) if data else {}
    payload = shape.serialization.get("payload")
    if payload:
        params[payload] = from_json(body, shape.members[payload], f"request.{payload}")
        return params
    for name, value in body.items():
        key, member = member_of(shape, name, "request")
        if key not in in_body:
            raise Wrong(f"request: {key} does not belong in the body")
        params[key] = from_json(value, member, f"request.{key}")
    return params


def decode_request(record, operation, model, protocol):
    if operation.input_shape is None:
        return {}
    if protocol == "query":
        return decode_query(record, operation, model)
    if protocol == "rest-json":
        return decode_rest(record, operation)
    data = body_bytes(record["request"])
    value = decode_cbor(data) if protocol == CBOR else json.loads(data or b"{}")
    return from_json(value, operation.input_shape, "request")


def same_again(record, params, operation, protocol):
    """What botocore would have sent for the same parameters is what was sent."""
    serializer = botocore.serialize.create_serializer(protocol, include_validation=False)
    theirs = serializer.serialize_to_request(copy.deepcopy(params), operation)
    ours, data = record["request"], body_bytes(record["request"])
    if protocol == "query":
        sent, wanted = dict(parse_qsl(data.decode(), keep_blank_values=True)), theirs["body"]
        wanted = {name: str(value) for name, value in wanted.items()}
    elif protocol == "rest-json":
        sent = (unquote(ours["path"]).rstrip("/"), dict(ours["query"]), json.loads(data or b"{}"))
        path = unquote(theirs["url_path"].split("?")[0]).rstrip("/")
        query = {name: str(value) for name, value in theirs["query_string"].items()}
        wanted = (path, query, json.loads(theirs["body"] or b"{}"))
    elif protocol == CBOR:
        sent, wanted = decode_cbor(data), decode_cbor(theirs["body"])
    else:
        target = dict(ours["headers"])["x-amz-target"]
        sent = (target, json.loads(data or b"{}"))
        wanted = (theirs["headers"]["X-Amz-Target"], json.loads(theirs["body"]))
    if sent != wanted:
        raise Wrong(f"request: botocore would send {wanted}, not {sent}")


# --- replies ----------------------------------------------------------------------------------


def check_value(value, shape, where):
    """Enumerations, which botocore's validator leaves alone, and what it checks."""
    if shape.type_name == "string" and value is not None:
        allowed = getattr(shape, "enum", None)
        # Tests call what a newer model might bring novel-something, on purpose.
        if allowed and value not in allowed and not value.startswith("novel-"):
            raise Wrong(f"{where}: {value!r} is none of {allowed}")
    elif shape.type_name == "structure" and isinstance(value, dict):
        for key, inner in value.items():
            if key in shape.members:
                check_value(inner, shape.members[key], f"{where}.{key}")
    elif shape.type_name == "list" and isinstance(value, list):
        for one in value:
            check_value(one, shape.member, f"{where}[]")
    elif shape.type_name == "map" and isinstance(value, dict):
        for one in value.values():
            check_value(one, shape.value, f"{where}{{}}")


def validate(params, shape, where):
    report = ParamValidator().validate(params, shape)
    if report.has_errors():
        raise Wrong(f"{where}: {report.generate_report()}")
    check_value(params, shape, where)


def known_elements(element, shape, where):
    """No element that the model does not know; botocore's parser would pass over it."""
    kind = shape.type_name
    tag = lambda node: node.tag.split("}")[-1]
    if kind == "structure":
        for child in element:
            _, member = member_of(shape, tag(child), where)
            known_elements(child, member, f"{where}.{tag(child)}")
    elif kind == "list":
        for child in element:
            if tag(child) != shape.member.serialization.get("name", "member"):
                raise Wrong(f"{where}: element {tag(child)!r} in a list")
            known_elements(child, shape.member, f"{where}[]")
    elif kind == "boolean" and element.text not in ("true", "false"):
        raise Wrong(f"{where}: {element.text!r} is no boolean")
    elif kind in ("integer", "long", "float", "double"):
        scalar(element.text or "", shape, where)


def known_members(record, operation, protocol):
    data, shape = body_bytes(record["reply"]), operation.output_shape
    if shape is None:
        return
    if protocol == "query":
        root = ElementTree.fromstring(data)
        wrapper = shape.serialization.get("resultWrapper")
        if root.tag.split("}")[-1] != f"{operation.name}Response":
            raise Wrong(f"reply: root {root.tag}")
        inner = [one for one in root if one.tag.split("}")[-1] == wrapper]
        if not inner:
            raise Wrong(f"reply: no {wrapper}")
        known_elements(inner[0], shape, "reply")
        return
    payload = shape.serialization.get("payload")
    shape = shape.members[payload] if payload else shape
    value = decode_cbor(data) if protocol == CBOR else json.loads(data or b"{}")
    from_json(value, shape, "reply")


def check_error(parsed, status, operation):
    code = parsed.get("Error", {}).get("Code")
    if not code or code == str(status):
        raise Wrong(f"reply: HTTP {status} without an error's code")
    modelled = {}
    for shape in operation.error_shapes:
        error = shape.metadata.get("error", {})
        modelled[error.get("code", shape.name)] = error.get("httpStatusCode")
    if code not in modelled and code not in COMMON_ERRORS:
        raise Wrong(f"reply: {operation.name} has no error {code}")
    if modelled.get(code) not in (None, status):
        raise Wrong(f"reply: {code} comes with HTTP {modelled[code]}, not {status}")


def check_reply(record, operation, protocol):
    reply = record["reply"]
    status = reply["status"]
    headers = dict(reply["headers"])
    response = {"status_code": status, "headers": headers, "body": body_bytes(reply)}
    try:
        parsed = botocore.parsers.create_parser(protocol).parse(response, operation.output_shape)
    except Exception as error:  # whatever the parser stumbles over, the reply is wrong
        raise Wrong(f"reply: botocore can not parse it: {error!r}") from error
    if status >= 300:
        check_error(parsed, status, operation)
        return
    if status != operation.http.get("responseCode", 200):
        raise Wrong(f"reply: HTTP {status}, not {operation.http.get('responseCode')}")
    parsed.pop("ResponseMetadata", None)
    known_members(record, operation, protocol)
    if operation.output_shape is not None:
        validate(parsed, operation.output_shape, "reply")


def check(record):
    model = model_of(record["service"])
    if record["operation"] not in model.operation_names:
        raise Wrong(f"{record['service']} has no operation {record['operation']}")
    operation = model.operation_model(record["operation"])
    protocol = protocol_of(record, model)
    params = decode_request(record, operation, model, protocol)
    # A refused request may be wrong on purpose.
    if record["reply"]["status"] < 300:
        validate(params, operation.input_shape, "request")
        same_again(record, params, operation, protocol)
    check_reply(record, operation, protocol)


# --- proof ------------------------------------------------------------------------------------


def spoiled_texts(text, protocol):
    """Copies of a body with one thing wrong in each."""
    if protocol == "query":
        for tag in sorted(set(re.findall(r"<(\w+)>", text)) - {"member"}):
            if tag.endswith(("Result", "Response", "Metadata", "RequestId")):
                continue
            yield f"element {tag} renamed", text.replace(f"{tag}>", f"{tag}x>")
        for tag in sorted(set(re.findall(r"<(\w+)>\d+</", text)) & {"Weight", "Port", "Order"}):
            yield f"{tag} is no number", re.sub(f"<{tag}>\\d+<", f"<{tag}>many<", text)
        for value in sorted(set(re.findall(r"<(?:Type|State)>([\w-]+)</", text))):
            yield f"{value} is no such value", text.replace(f">{value}<", ">no-such<")
        return
    value = json.loads(text)
    for path in paths(value):
        other = copy.deepcopy(value)
        parent = other
        for step in path[:-1]:
            parent = parent[step]
        inner = parent.pop(path[-1])
        parent[path[-1] + "X"] = inner
        yield f"{'.'.join(map(str, path))} renamed", json.dumps(other)
        if isinstance(inner, (int, float)) and not isinstance(inner, bool):
            del parent[path[-1] + "X"]
            parent[path[-1]] = {"no": "number"}
            yield f"{'.'.join(map(str, path))} is no number", json.dumps(other)


def spoiled_cbor(data):
    """Copies of a body of CBOR with one member renamed in each."""
    for name in sorted({path[-1] for path in paths(decode_cbor(data)) if isinstance(path[-1], str)}):
        other = name[:-1] + "~"
        yield f"{name} renamed", data.replace(name.encode(), other.encode())


def paths(value, before=()):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*before, key)
            yield from paths(inner, (*before, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from paths(inner, (*before, index))


def in_a_map(path, shape):
    """Whether a path leads through a map, whose keys are anybody's."""
    for step in path:
        if shape is None or shape.type_name == "map":
            return True
        if shape.type_name == "list":
            shape = shape.member
        elif shape.type_name == "structure":
            shape = dict(member_names(shape)).get(step)
    return False


def member_names(shape):
    return [(one.serialization.get("name", key), one) for key, one in shape.members.items()]


def is_noticed(spoiled):
    try:
        check(spoiled)
        return False
    except (Wrong, ParamValidationError):
        return True


def prove(records):
    """Spoils one good exchange of each operation in every way, and counts what is noticed."""
    first = {}
    for record in records:
        if record["reply"]["status"] < 300:
            size = len(body_bytes(record["reply"]))
            key = (record["service"], record["operation"])
            if key not in first or size > len(body_bytes(first[key]["reply"])):
                first[key] = record
    noticed, missed = 0, []
    for (service, name), record in sorted(first.items()):
        model = model_of(service)
        operation, protocol = model.operation_model(name), protocol_of(record, model)
        for side, shape in (("reply", operation.output_shape), ("request", operation.input_shape)):
            if protocol == CBOR:
                for what, body in spoiled_cbor(body_bytes(record[side])):
                    spoiled = copy.deepcopy(record)
                    spoiled[side]["body"] = {"hex": body.hex()}
                    if is_noticed(spoiled):
                        noticed += 1
                    else:
                        missed.append(f"{service} {name} {side}: {what}")
                continue
            text = record[side]["body"].get("text", "")
            if not text.strip() or (side == "request" and protocol == "query"):
                continue
            payload = shape.serialization.get("payload") if shape else None
            shape = shape.members[payload] if payload else shape
            for what, body in spoiled_texts(text, protocol):
                path = [int(s) if s.isdigit() else s for s in what.split(" ")[0].split(".")]
                if protocol != "query" and in_a_map(path, shape):
                    continue
                spoiled = copy.deepcopy(record)
                spoiled[side]["body"] = {"text": body}
                if is_noticed(spoiled):
                    noticed += 1
                else:
                    missed.append(f"{service} {name} {side}: {what}")
    print(f"spoiled exchanges: {noticed} noticed, {len(missed)} missed")
    for one in missed:
        print(f"  missed: {one}")
    return noticed > 0 and not missed


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--prove", action="store_true")
    arguments.add_argument("--expect", nargs="+", default=[], metavar="SERVICE")
    arguments.add_argument("folder", type=pathlib.Path)
    options = arguments.parse_args()
    records, seen = [], set()
    for path in sorted(options.folder.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            if line not in seen:
                seen.add(line)
                records.append(json.loads(line))
    found, wrong = {}, []
    for record in records:
        key = (record["service"], record["operation"])
        found[key] = found.get(key, 0) + 1
        try:
            check(record)
        except Wrong as error:
            wrong.append((key, str(error), record))
    for (service, operation), count in sorted(found.items()):
        print(f"{service:12} {operation:40} {count:6} exchanges")
    for key, error, record in wrong[:20]:
        print(f"WRONG {key[0]} {key[1]}: {error}\n      {json.dumps(record)[:1500]}")
    missing = set(options.expect) - {service for service, _ in found}
    if missing:
        print(f"nothing was recorded of {sorted(missing)}")
    proven = prove(records) if options.prove else True
    print(f"{len(records)} exchanges, {len(wrong)} wrong")
    sys.exit(0 if records and not wrong and not missing and proven else 1)


if __name__ == "__main__":
    main()
