FROM python:3.11-slim AS compile
USER 0:0
SHELL ["/bin/sh", "-c"]
WORKDIR /
RUN python3.11 -m pip wheel --no-cache-dir --disable-pip-version-check --no-deps --wheel-dir /wheelhouse/compiled --extra-index-url 'https://h/simple' --no-binary 'alpha' 'alpha==1.0'
RUN <<'CROSSMILL_END'
set -e
say() { printf '%s\n' "$*" >> /wheelhouse/out/statements.txt; }
last_line() { tail -n 1 "$1" | cut -c 1-300; }
mkdir -p /wheelhouse/out /wheelhouse/repaired
cd /wheelhouse/compiled
for wheel in *.whl; do
  say compiled "$(sha256sum "$wheel" | cut -c 1-64)"
  case "$wheel" in
  *-any.whl)
    cp "$wheel" /wheelhouse/out/
    say repair not-needed ;;
  *)
    if ! command -v auditwheel > /dev/null 2>&1; then
      cp "$wheel" /wheelhouse/out/
      say repair not-installed
    elif auditwheel repair --wheel-dir /wheelhouse/repaired "$wheel" > /wheelhouse/repair.log 2>&1; then
      cp /wheelhouse/repaired/*.whl /wheelhouse/out/
      say repair repaired
    else
      cat /wheelhouse/repair.log >&2
      cp "$wheel" /wheelhouse/out/
      say repair failed "$(last_line /wheelhouse/repair.log)"
    fi ;;
  esac
  case "$wheel" in
  *-abi3-*)
    if ! command -v abi3audit > /dev/null 2>&1; then
      say abi3 not-installed
    elif abi3audit --strict --verbose "$wheel" > /wheelhouse/abi3.log 2>&1; then
      say abi3 passed
    else
      cat /wheelhouse/abi3.log >&2
      say abi3 failed "$(last_line /wheelhouse/abi3.log)"
    fi ;;
  *)
    say abi3 not-abi3 ;;
  esac
done
CROSSMILL_END
FROM scratch
COPY --from=compile /wheelhouse/out/ /
