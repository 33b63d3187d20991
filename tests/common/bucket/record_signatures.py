#!/usr/bin/env python3
"""Writes tests/golden/bucket/signatures.json: what botocore signs, for keys, queries and headers that are easily
signed wrong. Run with a Python that has botocore; needs no network."""
import datetime
import json
import pathlib
import sys
import urllib.parse

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
import botocore.auth

OUT = pathlib.Path(__file__).resolve().parent.parent.parent / "golden/bucket/signatures.json"
NOW = datetime.datetime(2024, 2, 29, 23, 59, 58)
KEYS = ["plain", "a b", "a+b&c=d", "ä/ö.tar", "with%20percent", "tilde~star*'()!", "a//b", "q?x#y", "中文/é", "-._~/", "colon:at@,;$"]
QUERIES = [
    [], [("uploads", "")], [("partNumber", "12"), ("uploadId", "a/b+c=d e~")],
    [("list-type", "2"), ("prefix", "ä b/"), ("continuation-token", "x/y+z==")],
    [("b", "2"), ("a", "1"), ("a", "0"), ("a-b", ""), ("A", "~")],
]
HEADERS = [[], [("range", "bytes=0-9")], [("x-amz-checksum-sha256", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
                                         ("if-none-match", "*")]]


class FixedDate(datetime.datetime):
    @classmethod
    def utcnow(cls):
        return NOW


def fixed(*_args, **_kwargs):
    return NOW


def quote(text, safe):
    return urllib.parse.quote(text, safe=safe + "-._~")


def main():
    if hasattr(botocore.auth, "get_current_datetime"):
        botocore.auth.get_current_datetime = fixed
    else:
        botocore.auth.datetime.datetime = FixedDate
    cases = []
    combinations = [(key, QUERIES[i % len(QUERIES)], HEADERS[i % len(HEADERS)]) for i, key in enumerate(KEYS)]
    combinations += [("plain", query, []) for query in QUERIES]
    for number, (key, query, headers) in enumerate(combinations):
        token = "token/with+odd==" if number % 2 else None
        credentials = Credentials("AKIDEXAMPLE", "secret/+key", token)
        path = "/bucket/" + quote(key, "/")
        text = "&".join(f"{quote(a, '')}={quote(b, '')}" for a, b in query)
        url = "http://127.0.0.1:9000" + path
        body_hash = f"{number:064x}"
        request = AWSRequest(method="PUT", url=url + ("?" + text if text else ""))
        for name, value in headers:
            request.headers[name] = value
        request.headers["X-Amz-Content-SHA256"] = body_hash
        signer = S3SigV4Auth(credentials, "s3", "eu-west-3")
        signer._should_sha256_sign_payload = lambda _request: True
        signer.payload = lambda _request, value=body_hash: value
        signer.add_auth(request)
        get = AWSRequest(method="GET", url=url)
        S3SigV4QueryAuth(credentials, "s3", "eu-west-3", expires=900).add_auth(get)
        presigned = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(get.url).query, keep_blank_values=True))
        cases.append({"key": key, "query": query, "headers": headers, "token": token or "", "hash": body_hash,
                      "date": request.headers["X-Amz-Date"], "authorization": request.headers["Authorization"],
                      "presigned": presigned["X-Amz-Signature"]})
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(cases, indent=1, ensure_ascii=True) + "\n")
    print(f"{len(cases)} cases in {OUT}", file=sys.stderr)


if __name__ == "__main__":
    main()
