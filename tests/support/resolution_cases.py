"""What record_pip_resolutions.py asks pip: requirements, in some environments, with options and constraints."""

# The interpreter's own environment: Debian's, 3.11 on x86_64 with glibc 2.36. Sources are allowed there.
OWN = -1
# In record_pip_choices.ENVIRONMENTS.
ARM, MUSL, MUSL_ARM, ARM32, NEW, THREADED, OLD, S390X = 1, 2, 3, 4, 5, 6, 9, 10
# Projects whose digests are in the pages.
HASHED = {"six", "idna", "certifi", "click"}
SIX = "--hash=sha256:4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274"


def case(*requirements, environments=(OWN,), options=(), constraints=()):
    one = {"requirements": list(requirements), "environments": list(environments)}
    if options:
        one["options"] = list(options)
    if constraints:
        one["constraints"] = list(constraints)
    return one


CASES = [
    # Ordinary ones, over the environments.
    case("flask", environments=(OWN, ARM, MUSL, NEW)),
    case("requests", environments=(OWN, ARM, MUSL_ARM, THREADED)),
    case("django", "psycopg[binary]", environments=(OWN, ARM, MUSL)),
    case("fastapi[standard]", environments=(OWN, MUSL)),
    case("pandas", environments=(OWN, ARM, MUSL, ARM32, NEW)),
    case("scikit-learn", environments=(OWN, ARM)),
    case("jupyterlab", environments=(OWN,)),
    case("boto3", "s3transfer", environments=(OWN, NEW)),
    case("celery[redis]", environments=(OWN, ARM)),
    case("sqlalchemy[asyncio]", "alembic", environments=(OWN, S390X, MUSL)),
    case("black", "mypy", "pytest", "pytest-cov", environments=(OWN, NEW)),
    case("sphinx", environments=(OWN, MUSL)),
    case("httpx[http2,socks]", environments=(OWN, THREADED)),
    case("aiohttp[speedups]", environments=(OWN, ARM)),
    case("uvicorn[standard]", "gunicorn", environments=(OWN, MUSL_ARM)),
    case("grpcio-tools", environments=(OWN, ARM)),
    case("cryptography", "pyopenssl", "paramiko", environments=(OWN, ARM, ARM32)),
    case("pillow", "matplotlib", environments=(OWN, ARM, ARM32)),
    case("rich", "typer", environments=(OWN, OLD)),
    case("pydantic", "pydantic-settings", environments=(OWN, MUSL, THREADED)),
    case("ansible-core", environments=(OWN, NEW)),
    case("poetry-core", "build", "twine", environments=(OWN,)),
    case("opentelemetry-sdk", "opentelemetry-exporter-otlp", environments=(OWN, ARM)),
    case("google-cloud-storage", environments=(OWN,)),
    case("azure-identity", environments=(OWN, ARM)),
    case("langchain-core", environments=(OWN,)),
    case("streamlit", environments=(OWN,)),
    case("dask[dataframe]", environments=(OWN, ARM)),
    case("apache-airflow==2.9.3", environments=(OWN, ARM)),
    case("tensorflow", environments=(OWN, ARM, MUSL)),
    case("torch", environments=(OWN, ARM)),
    case("jupyter", environments=(OWN, MUSL)),
    case("dbt-core<2", "dbt-postgres", environments=(ARM,)),
    case("kedro[test]", environments=(OWN,)),
    case("mlflow", environments=(OWN, ARM)),
    case("transformers[torch]", environments=(OWN,)),
    case("great-expectations", environments=(OWN,)),
    case("pyspark[sql,connect]", environments=(OWN,)),
    case("sentry-sdk[flask,celery]", "celery", environments=(OWN, MUSL)),
    case("moto[s3,ec2]", "boto3<1.35", environments=(OWN,)),
    # Pins, ranges, constraints, extras that meet.
    case("django<4", environments=(OWN, OLD)),
    case("flask==2.0.3", "werkzeug<3", environments=(OWN, OLD)),
    case("flask<3", "jinja2<3.1", environments=(OWN,)),
    case("requests<2.30", "urllib3", environments=(OWN, ARM)),
    case("requests[socks]==2.31.0", "requests[security]", environments=(OWN,)),
    case("httpx", constraints=("anyio<4", "httpcore<2"), environments=(OWN, MUSL)),
    case("fastapi", constraints=("pydantic<2",), environments=(OWN, ARM)),
    case("celery[redis]>=5.3", constraints=("redis<5",), environments=(OWN,)),
    case("numpy<2", "pandas", "scipy", environments=(OWN, ARM)),
    case("numpy", constraints=("numpy==1.26.4",), environments=(OWN, NEW)),
    case("jinja2>=2.10,!=3.1.2", "markupsafe==2.1.*", environments=(OWN, MUSL)),
    case("click~=8.0", "black", environments=(OWN,)),
    case("django>=3.2,<5", "djangorestframework", "django-filter", environments=(OWN, OLD)),
    case("six===1.16.0", "python-dateutil==2.8.2", environments=(OWN,)),
    # Older versions because of others.
    case("botocore<1.34", "boto3", environments=(OWN,)),
    case("urllib3<1.27", "requests", "botocore", environments=(OWN,)),
    case("sphinx", "docutils<0.18", environments=(OWN,)),
    case("protobuf<4", "grpcio-status", environments=(OWN,)),
    case("sphinx-rtd-theme", "sphinx>=7", "docutils<0.20", environments=(OWN,)),
    case("importlib-metadata<5", "flake8", "pytest", environments=(OWN, OLD)),
    case("pydantic<2", "fastapi", "typing-extensions<4.8", environments=(OWN,)),
    case("markupsafe<2.1", "flask", environments=(OWN,)),
    case("attrs<22", "jsonschema", environments=(OWN,)),
    case("aiobotocore", "boto3", environments=(OWN,)),
    case("packaging<22", "black", environments=(OWN,)),
    case("s3fs", "boto3", environments=(OWN,)),
    case("apache-airflow>=2.6", "flask<2.3", environments=(OWN,)),
    case("jupyterlab<4", "notebook", environments=(OWN,)),
    case("pandas<2.1", "pyarrow", "numpy>=1.26", environments=(OWN, ARM)),
    case("grpcio<1.60", "grpcio-tools", environments=(OWN,)),
    case("sqlalchemy<2", "alembic", "flask-sqlalchemy", environments=(OWN, MUSL)),
    case("rich<13", "typer[all]", "textual", environments=(OWN,)),
    case("tensorflow<2.15", "keras", "protobuf>=3.20", environments=(OWN,)),
    case("aiohttp<3.9", "yarl<1.9", "s3fs", environments=(OWN,)),
    case("numpy<1.24", "pandas", environments=(OWN, ARM)),
    # Markers and Pythons.
    case("importlib-metadata ; python_version < '3.10'", "tomli ; python_version < '3.11'", "six", environments=(OWN, OLD)),
    case("ipython", environments=(OWN, OLD, NEW)),
    case("uvloop ; platform_machine == 'aarch64'", "colorama ; os_name == 'nt'", "idna", environments=(OWN, ARM)),
    case("sqlalchemy", environments=(ARM, ARM32)),
    # Pre-releases, yanked, forms.
    case("flask", options=("--pre",), environments=(OWN, NEW)),
    case("sqlalchemy>=2.1.0b1", environments=(OWN,)),
    case("attrs==21.1.0", environments=(OWN,)),
    case("cryptography", options=("--prefer-binary",), environments=(OWN,)),
    case("pandas", options=("--no-deps",), environments=(OWN, MUSL)),
    case("six", "idna", options=("--no-binary", "six"), environments=(OWN,)),
    case("markupsafe", options=("--no-binary", ":all:"), environments=(OWN,)),
    case("flask", options=("--only-binary", ":all:"), environments=(OWN,)),
    # Sources: metadata that can be known, and that cannot.
    case("antlr4-python3-runtime==4.9.3", "omegaconf", environments=(OWN,)),
    case("docopt", "docopt-ng", environments=(OWN,)),
    case("pyyaml", "netifaces", environments=(OWN,)),
    case("simplejson", options=("--no-binary", "simplejson"), environments=(OWN,)),
    # Hashes.
    case(f"six==1.16.0 {SIX[:-4]}0000 --hash=sha256:8abb2f1d86890a2dfb989f9a77cfcfd3e47c2a354b01111771326f8aa26e0254", environments=(OWN,)),
    # What cannot be.
    case("django<4", "django>=4.2", environments=(OWN,)),
    case("flask==3.0.0", "werkzeug<2", environments=(OWN, ARM)),
    case("requests==2.31.0", "urllib3==1.20", environments=(OWN,)),
    case("six==99", environments=(OWN, MUSL)),
    case("surely-no-project-has-this-name-crossmill", environments=(OWN,)),
    case("flask", constraints=("flask<1", "flask>2"), environments=(OWN,)),
    case("flask>2", constraints=("werkzeug<1",), environments=(OWN,)),
    case("numpy==2.3.0", environments=(OLD, ARM)),
    case("netifaces", environments=(ARM, MUSL)),
    case("pyopenssl==24.0.0", "cryptography==43.0.0", environments=(OWN,)),
    case("boto3==1.28.0", "botocore==1.30.0", environments=(OWN,)),
    case("pandas==2.2.0", "numpy<1.20", environments=(MUSL,)),
    case("black==23.1.0", "click<8", environments=(OWN,)),
]
