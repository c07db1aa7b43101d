# MLflow's server with the drivers for PostgreSQL and S3.
FROM python:3.11-slim-bookworm
RUN pip install --no-cache-dir mlflow==3.17.2 psycopg2-binary==2.9.13 boto3==1.44.5 \
  && useradd --create-home mlflow
COPY create_bucket.py /opt/create_bucket.py
USER mlflow
WORKDIR /home/mlflow
ENTRYPOINT ["mlflow", "server"]
