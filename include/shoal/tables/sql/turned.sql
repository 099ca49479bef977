-- How much two turned boxes are one: 1 less Hellinger's distance of the normal distributions with their middles and spreads, by
-- which models of this kind drop boxes themselves (arXiv:2106.06072); about their intersection over union, and 1 for the same box.
-- corners: x, y and a third value of each, going round, as `keypoints` of a row has them of a turned box.
CREATE OR REPLACE MACRO spread_of(corners) AS {
    'x': (corners[1]::DOUBLE + corners[4] + corners[7] + corners[10]) / 4, 'y': (corners[2]::DOUBLE + corners[5] + corners[8] + corners[11]) / 4,
    'a': ((corners[1]::DOUBLE - corners[10]) ** 2 + (corners[1]::DOUBLE - corners[4]) ** 2) / 12,
    'b': ((corners[2]::DOUBLE - corners[11]) ** 2 + (corners[2]::DOUBLE - corners[5]) ** 2) / 12,
    'c': ((corners[1]::DOUBLE - corners[10]) * (corners[2]::DOUBLE - corners[11])
        + (corners[1]::DOUBLE - corners[4]) * (corners[2]::DOUBLE - corners[5])) / 12
};
CREATE OR REPLACE MACRO alike(p, q) AS 1 - sqrt(greatest(0, 1 - exp(-least(100, greatest(0,
    ((p.a + q.a) * (p.y - q.y) ** 2 + (p.b + q.b) * (p.x - q.x) ** 2 + 2 * (p.c + q.c) * (q.x - p.x) * (p.y - q.y))
        / greatest(1e-7, (p.a + q.a) * (p.b + q.b) - (p.c + q.c) ** 2) / 4
    + ln(greatest(1e-7, (p.a + q.a) * (p.b + q.b) - (p.c + q.c) ** 2)
        / (4 * sqrt(greatest(1e-14, (p.a * p.b - p.c ** 2) * (q.a * q.b - q.c ** 2))))) / 2
)))));
