"""moto on loopback, with answers of App Mesh that AWS's own model accepts.

    .ci/moto_server.py PORT

moto writes App Mesh's times as text where the model has numbers, and its errors under names and statuses of
its own. SDKs that read answers by the model refuse all of them. What is mended here is the answer on its
way out; what moto keeps is left alone.
"""

import json
import sys
from datetime import datetime

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
from werkzeug.wrappers import Response

PATHS = "/v20190125/meshes"
TIMES = ("createdAt", "lastUpdatedAt")
TIME_FORMAT = "%d/%m/%Y, %H:%M:%S"
# The end of moto's name, the model's name, the model's status.
ERRORS = (
    ("NotFound", "NotFoundException", 404),
    ("AlreadyTaken", "ConflictException", 409),
    ("", "BadRequestException", 400),
)


def with_numbers(value):
    """The same value with its times in seconds since the epoch."""
    if isinstance(value, list):
        return [with_numbers(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: datetime.strptime(one, TIME_FORMAT).timestamp()
        if key in TIMES and isinstance(one, str)
        else with_numbers(one)
        for key, one in value.items()
    }


def mended(response):
    """An answer of App Mesh as its model has it."""
    body = json.loads(response.get_data() or b"{}")
    headers = {"Content-Type": "application/json"}
    if response.status_code == 400 and "__type" in body:
        name, status = next(
            (name, status) for end, name, status in ERRORS if body["__type"].endswith(end)
        )
        headers["x-amzn-ErrorType"] = name
        return Response(json.dumps({"message": body.get("message")}), status, headers)
    return Response(json.dumps(with_numbers(body)), response.status_code, headers)


def main():
    moto = DomainDispatcherApplication(create_backend_app)

    def application(environ, start_response):
        if not environ["PATH_INFO"].startswith(PATHS):
            return moto(environ, start_response)
        return mended(Response.from_app(moto, environ))(environ, start_response)

    run_simple("127.0.0.1", int(sys.argv[1]), application, threaded=True)


if __name__ == "__main__":
    main()
