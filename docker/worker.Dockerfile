# A worker: the checkout, set up. The second stage leaves compiler and Python behind; the libraries in
# the Python environment are read as files.
FROM node:20.20.2-bookworm AS build
RUN apt-get update \
  && apt-get install --yes --no-install-recommends g++ python3 python3-venv \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY . .
RUN node scripts/setup.mjs && rm -rf .cache/setup/logs

FROM node:20.20.2-bookworm-slim
RUN apt-get update \
  && apt-get install --yes --no-install-recommends ca-certificates libgomp1 \
  && rm -rf /var/lib/apt/lists/* \
  && install -d -o node -g node /var/lib/sentinel
WORKDIR /app
COPY --from=build /app /app
USER node
ENTRYPOINT ["node", "dist/workers/main.js", "--home", "/var/lib/sentinel", "--temporal", "temporal:7233", "--mlflow", "http://mlflow:5000"]
