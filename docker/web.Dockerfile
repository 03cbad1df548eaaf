# The feedback app: no torch, no Airflow.
FROM python:3.11-slim
WORKDIR /srv/persona-loop
COPY pyproject.toml constraints.txt README.md ./
COPY services services
COPY feedback_app feedback_app
RUN pip install --no-cache-dir --constraint constraints.txt --editable '.[web]'
