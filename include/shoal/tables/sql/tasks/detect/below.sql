-- Stored boxes below the confidence that applies to their class, for histograms and sliders: they count nowhere. Classes of role
-- `ignore` are left out here too.
-- View: class_boxes.
CREATE OR REPLACE VIEW below AS
SELECT * EXCLUDE (merged) FROM class_boxes WHERE confidence < threshold AND role <> 'ignore';
