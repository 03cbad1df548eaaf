# Airflow's processes, the GPU worker and the inference server: they count tokens, train and answer, so torch
# is in it.
FROM python:3.11-slim
WORKDIR /srv/persona-loop
COPY pyproject.toml constraints.txt README.md ./
COPY services services
COPY migrations migrations
COPY dags dags
RUN pip install --no-cache-dir --constraint constraints.txt --editable '.[airflow,train]'
ENV PYTHONPATH=/srv/persona-loop
