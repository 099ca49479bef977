-- Height of the sun above the horizon, degrees, to about half a degree: NOAA, General Solar Position Calculations.
CREATE OR REPLACE MACRO year_angle(moment) AS 2 * pi() / 365 * (dayofyear(moment) - 1 + (hour(moment) - 12) / 24);
CREATE OR REPLACE MACRO declination(g) AS 0.006918 - 0.399912 * cos(g) + 0.070257 * sin(g) - 0.006758 * cos(2 * g)
    + 0.000907 * sin(2 * g) - 0.002697 * cos(3 * g) + 0.00148 * sin(3 * g);
CREATE OR REPLACE MACRO equation_of_time(g) AS 229.18 * (
    0.000075 + 0.001868 * cos(g) - 0.032077 * sin(g) - 0.014615 * cos(2 * g) - 0.040849 * sin(2 * g)
);
CREATE OR REPLACE MACRO hour_angle(moment, longitude) AS radians(
    (hour(moment) * 60 + minute(moment) + equation_of_time(year_angle(moment)) + 4 * longitude) / 4 - 180
);
CREATE OR REPLACE MACRO sun_height(moment, latitude, longitude) AS degrees(asin(greatest(-1, least(1,
    sin(radians(latitude)) * sin(declination(year_angle(moment)))
    + cos(radians(latitude)) * cos(declination(year_angle(moment))) * cos(hour_angle(moment, longitude))
))));
-- The sun's rim is below the horizon, refraction taken into account.
CREATE OR REPLACE MACRO is_night(moment, latitude, longitude) AS sun_height(moment, latitude, longitude) < -0.833;
