-- What a page counts anew, for one taxon, some cameras and days, from any score on: by explore.sql's own hours, hundredths and boxes.
-- Days are those of report.zone. Filled month by month, see looked_month.sql.
-- Variables: report_zone, looked_taxa. Tables: camera_clocks.
CREATE OR REPLACE TABLE looked_cameras AS
SELECT (row_number() OVER (ORDER BY camera))::INTEGER AS camera_n, camera, solar FROM camera_clocks;

CREATE OR REPLACE TABLE looked_taxa AS
SELECT (row_number() OVER ())::INTEGER AS taxon_n, taxon FROM (SELECT unnest(getvariable('looked_taxa')) AS taxon);

CREATE OR REPLACE TABLE looked_images (camera_n INTEGER, day DATE, hour UTINYINT, images INTEGER);
CREATE OR REPLACE TABLE looked_boxes (
    taxon_n INTEGER, camera_n INTEGER, day DATE, hour UTINYINT, step UTINYINT, confidence FLOAT, counted BOOLEAN
);
-- One line an image and taxon: what scores best in it.
CREATE OR REPLACE TABLE looked_best (taxon_n INTEGER, camera_n INTEGER, day DATE, step UTINYINT, confidence FLOAT, counted BOOLEAN);
