"""moto's server, with one change: a Lambda function is called by a POST to LAMBDAS_URL/<function name>.

moto itself runs functions in Docker. The reply's body is the payload; a header x-function-error marks it as an error.
"""
import os
import urllib.request

from moto.awslambda import models
from moto.server import main


def invoke(self, function_name, qualifier, body, headers, response_headers):
    name = function_name.split(":")[-1]
    data = body if isinstance(body, bytes) else (body or "{}").encode()
    request = urllib.request.Request(f"{os.environ['LAMBDAS_URL']}/{name}", data=data, method="POST")
    with urllib.request.urlopen(request, timeout=60) as reply:
        payload = reply.read()
        if reply.headers.get("x-function-error"):
            response_headers["x-amz-function-error"] = "Unhandled"
    response_headers["Content-Length"] = str(len(payload))
    return payload


models.LambdaBackend.invoke = invoke
main()
