-- Boxes that are turned: x1 to y2 are their edges before they are turned about their middle by `angle`, radians, clockwise as an
-- image is seen. Without an angle they are as they are.
CREATE OR REPLACE MACRO half_width(x1, y1, x2, y2, angle) AS if(
    angle IS NULL, x2 - x1, abs((x2 - x1) * cos(angle::DOUBLE)) + abs((y2 - y1) * sin(angle::DOUBLE))
) / 2;
CREATE OR REPLACE MACRO half_height(x1, y1, x2, y2, angle) AS half_width(y1, x1, y2, x2, angle);
-- Edges of the upright box around it.
CREATE OR REPLACE MACRO left_of(x1, y1, x2, y2, angle) AS
    if(angle IS NULL, x1::DOUBLE, (x1::DOUBLE + x2) / 2 - half_width(x1, y1, x2, y2, angle));
CREATE OR REPLACE MACRO right_of(x1, y1, x2, y2, angle) AS
    if(angle IS NULL, x2::DOUBLE, (x1::DOUBLE + x2) / 2 + half_width(x1, y1, x2, y2, angle));
CREATE OR REPLACE MACRO top_of(x1, y1, x2, y2, angle) AS left_of(y1, x1, y2, x2, angle);
CREATE OR REPLACE MACRO bottom_of(x1, y1, x2, y2, angle) AS right_of(y1, x1, y2, x2, angle);

-- How much two turned boxes are one: 1 less Hellinger's distance of the normal distributions with their middles and spreads, by
-- which models of this kind drop boxes themselves (arXiv:2106.06072); about their intersection over union, and 1 for the same box.
CREATE OR REPLACE MACRO spread_of(x1, y1, x2, y2, angle) AS {
    'x': (x1::DOUBLE + x2) / 2, 'y': (y1::DOUBLE + y2) / 2,
    'a': (x2::DOUBLE - x1) ** 2 / 12 * cos(angle::DOUBLE) ** 2 + (y2::DOUBLE - y1) ** 2 / 12 * sin(angle::DOUBLE) ** 2,
    'b': (x2::DOUBLE - x1) ** 2 / 12 * sin(angle::DOUBLE) ** 2 + (y2::DOUBLE - y1) ** 2 / 12 * cos(angle::DOUBLE) ** 2,
    'c': ((x2::DOUBLE - x1) ** 2 - (y2::DOUBLE - y1) ** 2) / 12 * cos(angle::DOUBLE) * sin(angle::DOUBLE)
};
CREATE OR REPLACE MACRO alike(p, q) AS 1 - sqrt(greatest(0, 1 - exp(-least(100, greatest(0,
    ((p.a + q.a) * (p.y - q.y) ** 2 + (p.b + q.b) * (p.x - q.x) ** 2 + 2 * (p.c + q.c) * (q.x - p.x) * (p.y - q.y))
        / greatest(1e-7, (p.a + q.a) * (p.b + q.b) - (p.c + q.c) ** 2) / 4
    + ln(greatest(1e-7, (p.a + q.a) * (p.b + q.b) - (p.c + q.c) ** 2)
        / (4 * sqrt(greatest(1e-14, (p.a * p.b - p.c ** 2) * (q.a * q.b - q.c ** 2))))) / 2
)))));
