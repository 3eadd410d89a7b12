CREATE TABLE IF NOT EXISTS `_fluxa_ids` (`entity` TEXT NOT NULL PRIMARY KEY, `reserved` INTEGER NOT NULL) STRICT;
INSERT INTO `_fluxa_ids` (`entity`, `reserved`) VALUES (?, (SELECT MAX(COALESCE(MAX(`id`), 0), 0) FROM `Product`)) ON CONFLICT DO NOTHING;
UPDATE `_fluxa_ids` SET `reserved` = `reserved` + ? WHERE `entity` = ? RETURNING `reserved`;
UPDATE `_fluxa_ids` SET `reserved` = ? WHERE `entity` = ? AND `reserved` < ?;
