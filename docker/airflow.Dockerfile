# Airflow's processes and the GPU worker. Their tasks count tokens, train and evaluate, so torch is in it.
FROM python:3.11-slim
WORKDIR /srv/persona-loop
COPY pyproject.toml constraints.txt README.md ./
COPY services services
COPY migrations migrations
COPY dags dags
RUN pip install --no-cache-dir --constraint constraints.txt --editable '.[airflow,train]'
ENV PYTHONPATH=/srv/persona-loop
