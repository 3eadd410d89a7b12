CREATE TABLE IF NOT EXISTS `_fluxa_ids` (
  `entity` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  `reserved` bigint unsigned NOT NULL
) ENGINE=InnoDB;
SELECT MAX(`id`) FROM `Product`;
INSERT INTO `_fluxa_ids` (`entity`, `reserved`) VALUES (?, ?) ON DUPLICATE KEY UPDATE `reserved` = `_fluxa_ids`.`reserved`;
UPDATE `_fluxa_ids` SET `reserved` = LAST_INSERT_ID(`reserved` + ?) WHERE `entity` = ?;
UPDATE `_fluxa_ids` SET `reserved` = ? WHERE `entity` = ? AND `reserved` < ?;
