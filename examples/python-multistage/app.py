"""GET / greets ?name=, GET /machine says where it runs."""
import platform

from flask import Flask, request

app = Flask(__name__)


@app.get("/")
def hello():
    return {"hello": request.args.get("name", "world")}


@app.get("/machine")
def machine():
    return {"machine": platform.machine(), "python": platform.python_version()}
