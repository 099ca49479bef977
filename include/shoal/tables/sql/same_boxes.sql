-- One round of matching: pairs of boxes that are each other's best. Repeated until no pair is left, this is the greedy matching
-- by falling overlap: each box in one pair at most. Makes: best_pairs; takes from box_pairs whatever has one of their boxes.
CREATE OR REPLACE TABLE best_pairs AS
SELECT key, taxon, first_position, second_position FROM box_pairs
QUALIFY row_number() OVER (PARTITION BY key, first_position ORDER BY iou DESC, first_position, second_position) = 1
    AND row_number() OVER (PARTITION BY key, second_position ORDER BY iou DESC, first_position, second_position) = 1;

INSERT INTO same_boxes SELECT * FROM best_pairs;

CREATE OR REPLACE TABLE box_pairs AS
SELECT box_pairs.* FROM box_pairs
ANTI JOIN best_pairs USING (key, first_position);

CREATE OR REPLACE TABLE box_pairs AS
SELECT box_pairs.* FROM box_pairs
ANTI JOIN best_pairs USING (key, second_position);
