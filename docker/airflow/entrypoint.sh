# Runs Airflow with the words that it is given, and a program where they name one, as the official image does: pods of the
# Kubernetes executor begin with `python -m airflow…`, those of the Helm chart with `bash -c`.
case "${1:-}" in
    airflow | python | python3 | bash | sh | /*) exec "$@" ;;
    *) exec airflow "$@" ;;
esac
