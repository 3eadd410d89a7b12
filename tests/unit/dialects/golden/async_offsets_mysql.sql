CREATE TABLE IF NOT EXISTS `_fluxa_async_offsets` (
  `topic` varchar(249) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `topic_id` varchar(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `partition_no` int NOT NULL,
  `applied` bigint NOT NULL,
  `failed` mediumtext CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (`topic`, `topic_id`, `partition_no`)
) ENGINE=InnoDB;
INSERT INTO `_fluxa_async_offsets` (`topic`, `topic_id`, `partition_no`, `applied`, `failed`) VALUES (?, ?, ?, 0, '') ON DUPLICATE KEY UPDATE `applied` = `_fluxa_async_offsets`.`applied`;
SELECT `applied`, `failed` FROM `_fluxa_async_offsets` WHERE `topic` = ? AND `topic_id` = ? AND `partition_no` = ? FOR UPDATE NOWAIT;
UPDATE `_fluxa_async_offsets` SET `applied` = ?, `failed` = ? WHERE `topic` = ? AND `topic_id` = ? AND `partition_no` = ?;
SELECT `applied` FROM `_fluxa_async_offsets` WHERE `topic` = ? AND `topic_id` = ? AND `partition_no` = ?;
SELECT `partition_no`, `applied`, `failed` FROM `_fluxa_async_offsets` WHERE `topic` = ? AND `topic_id` = ?;
