"""Where the report's species and pictures lead: to Airflow's pages of the images of the very run."""

from dataclasses import dataclass
from typing import Self

from shoal.contract.page_addresses import image_of_run, images_of_run, page_of_run
from shoal.contract.run_names import reanalyse_dag_id
from shoal.exports.report.pictures import Picture
from shoal.results.stored_plan import StoredPlan


@dataclass(frozen=True)
class Pages:
    """The pages of one run.

    Attributes:
        airflow: Address of the Airflow that has them, without a slash at its end.
        run: Its DAG, whose readers may see them, variant and run key.
    """

    airflow: str
    run: tuple[str, str, str]

    @classmethod
    def of(cls, plan: StoredPlan) -> Self | None:
        """Take them from a run's plan; None where nobody says which Airflow has them."""
        airflow = plan.settings.report.pages_url
        run = reanalyse_dag_id(plan.dataset), plan.variant.directory, plan.run_key
        return None if airflow is None else cls(airflow.rstrip("/"), run)

    def evidence(self) -> str:
        """Address of what stands beside the numbers: troubles of cameras, and things that stand."""
        return self.airflow + page_of_run("evidence", *self.run)

    def images(self, taxon: str) -> str:
        """Address of the images that show a taxon."""
        return self.airflow + images_of_run(*self.run, {"taxon": taxon})

    def image(self, picture: Picture) -> str:
        """Address of the image that a picture is of."""
        return self.airflow + image_of_run(*self.run, picture.key, picture.drawing.object_version)
