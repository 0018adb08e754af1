# syntax=docker/dockerfile:1
# The daemon as an image: `docker build -t rotator .`; it runs as uid 65532 on a read-only root and writes only to
# /var/lib/rotator (the embedded journal) and /tmp. Give it policies.yaml with ROTATOR_POLICIES.
ARG PYTHON=3.13-slim-bookworm

FROM python:${PYTHON} AS build
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
# An environment without pip: the last stage gets what rotator needs, and nothing that installs more.
RUN python -m venv --without-pip /opt/rotator
COPY requirements/runtime.txt requirements/build.txt requirements/
RUN python -m pip --python /opt/rotator/bin/python install --require-hashes --no-deps -r requirements/runtime.txt \
    && python -m pip install --require-hashes --no-deps -r requirements/build.txt
COPY pyproject.toml ./
COPY rotator/ rotator/
RUN python -m pip wheel --no-deps --no-build-isolation --no-index --wheel-dir /wheels . \
    && python -m pip --python /opt/rotator/bin/python install --no-deps --no-index /wheels/*.whl

FROM python:${PYTHON}
RUN python -m pip uninstall --yes --quiet --root-user-action=ignore pip \
    && rm -rf /usr/local/lib/python3.*/ensurepip \
    && install -d -o 65532 -g 65532 -m 0700 /var/lib/rotator
COPY --from=build /opt/rotator /opt/rotator
ENV PATH=/opt/rotator/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ROTATOR_POLICIES=/etc/rotator/policies.yaml
USER 65532:65532
WORKDIR /var/lib/rotator
EXPOSE 8080
ENTRYPOINT ["rotator"]
CMD ["run"]
