-- What a classifier says of its images at a lower score than counts, or in second place: they count nowhere. Only what scores best
-- (place 0) would count at another threshold.
-- Table: said.
CREATE OR REPLACE VIEW below AS
FROM said WHERE (position > 0 OR confidence < threshold) AND role <> 'ignore';
