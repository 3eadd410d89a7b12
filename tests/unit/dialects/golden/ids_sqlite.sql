CREATE TABLE IF NOT EXISTS `_fluxa_ids` (`entity` TEXT NOT NULL PRIMARY KEY, `reserved` INTEGER NOT NULL) STRICT;
SELECT MAX(`id`) FROM `Product`;
INSERT INTO `_fluxa_ids` (`entity`, `reserved`) VALUES (?, ?) ON CONFLICT DO NOTHING;
UPDATE `_fluxa_ids` SET `reserved` = `reserved` + ? WHERE `entity` = ? RETURNING `reserved`;
UPDATE `_fluxa_ids` SET `reserved` = ? WHERE `entity` = ? AND `reserved` < ?;
