-- How much two turned boxes are one: 1 less Hellinger's distance of the normal distributions with their middles and spreads, by
-- which models of this kind drop boxes themselves (arXiv:2106.06072); about their intersection over union, and 1 for the same box.
-- NULL where a coordinate of a corner is not known: who asks then goes by the upright boxes around them.
-- corners: x, y and a third value of each, going round, as `keypoints` of a row has them of a turned box.
CREATE OR REPLACE MACRO spread_of(corners) AS {
    'x': (corners[1]::DOUBLE + corners[4] + corners[7] + corners[10]) / 4, 'y': (corners[2]::DOUBLE + corners[5] + corners[8] + corners[11]) / 4,
    'a': ((corners[1]::DOUBLE - corners[10]) ** 2 + (corners[1]::DOUBLE - corners[4]) ** 2) / 12,
    'b': ((corners[2]::DOUBLE - corners[11]) ** 2 + (corners[2]::DOUBLE - corners[5]) ** 2) / 12,
    'c': ((corners[1]::DOUBLE - corners[10]) * (corners[2]::DOUBLE - corners[11])
        + (corners[1]::DOUBLE - corners[4]) * (corners[2]::DOUBLE - corners[5])) / 12
};
-- greatest and least pass NULL over, and would call what nobody knows the same box.
CREATE OR REPLACE MACRO alike(p, q) AS CASE WHEN p.x + p.y + p.a + p.b + p.c + q.x + q.y + q.a + q.b + q.c IS NOT NULL THEN 1 - sqrt(greatest(0, 1 - exp(-least(100, greatest(0,
    ((p.a + q.a) * (p.y - q.y) ** 2 + (p.b + q.b) * (p.x - q.x) ** 2 + 2 * (p.c + q.c) * (q.x - p.x) * (p.y - q.y))
        / greatest(1e-7, (p.a + q.a) * (p.b + q.b) - (p.c + q.c) ** 2) / 4
    + ln(greatest(1e-7, (p.a + q.a) * (p.b + q.b) - (p.c + q.c) ** 2)
        / (4 * sqrt(greatest(1e-14, (p.a * p.b - p.c ** 2) * (q.a * q.b - q.c ** 2))))) / 2
))))) END;

-- Intersection over union of the upright boxes p and q; 0 where they do not meet.
CREATE OR REPLACE MACRO upright_iou(p, q) AS coalesce(
    greatest(0, least(p.x2, q.x2) - greatest(p.x1, q.x1))::DOUBLE * greatest(0, least(p.y2, q.y2) - greatest(p.y1, q.y1))
    / nullif((p.x2 - p.x1)::DOUBLE * (p.y2 - p.y1) + (q.x2 - q.x1)::DOUBLE * (q.y2 - q.y1)
        - greatest(0, least(p.x2, q.x2) - greatest(p.x1, q.x1))::DOUBLE * greatest(0, least(p.y2, q.y2) - greatest(p.y1, q.y1)), 0), 0);
