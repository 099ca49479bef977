"""Answers of planted boxes: what a version saw is what a test says."""

from shoal.contract.rows import ROW_COLUMNS
from written_rows import write_rows


def write_boxes(pipeline, plan, boxes, **said):
    """Write rows as a worker would, with these boxes: class, score and place, by key."""

    def plant(database):
        database.run(f"CREATE TABLE planted (key VARCHAR, detections {ROW_COLUMNS['detections']})")
        for key, found in boxes.items():
            structs = [
                {"class_id": class_id, "confidence": conf, **dict(zip(("x1", "y1", "x2", "y2"), xyxy, strict=True))}
                for class_id, conf, xyxy in found
            ]
            database.run("INSERT INTO planted VALUES (?, ?)", [key, structs])

    seen = "coalesce(planted.detections, [])"
    write_rows(pipeline, plan, "manifest LEFT JOIN planted USING (key)", plant, detections=seen, **said)


def answer(pipeline, version, boxes, **params):
    """Plan a run of a version, plant what it saw, and summarize it."""
    plan = pipeline.plan(model_version=version, **params)
    write_boxes(pipeline, plan, boxes)
    return pipeline.summarize(plan)
