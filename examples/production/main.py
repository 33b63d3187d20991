"""GET /health for the container's health check, GET /items/{id}; says when it was told to stop."""
import contextlib

from fastapi import FastAPI


@contextlib.asynccontextmanager
async def lifespan(_):
    yield
    print("stopped cleanly", flush=True)


app = FastAPI(lifespan=lifespan)


@app.get("/health")
def health():
    return {"status": "ok"}


@app.get("/items/{item}")
def read(item: int, q: str | None = None):
    return {"item": item, "q": q}
