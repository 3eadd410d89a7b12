CREATE TABLE IF NOT EXISTS `_fluxa_async_offsets` (`topic` TEXT NOT NULL, `topic_id` TEXT NOT NULL, `partition_no` INTEGER NOT NULL, `applied` INTEGER NOT NULL, `failed` TEXT NOT NULL, PRIMARY KEY (`topic`, `topic_id`, `partition_no`)) STRICT;
INSERT INTO `_fluxa_async_offsets` (`topic`, `topic_id`, `partition_no`, `applied`, `failed`) VALUES (?, ?, ?, 0, '') ON CONFLICT DO NOTHING;
SELECT `applied`, `failed` FROM `_fluxa_async_offsets` WHERE `topic` = ? AND `topic_id` = ? AND `partition_no` = ?;
UPDATE `_fluxa_async_offsets` SET `applied` = ?, `failed` = ? WHERE `topic` = ? AND `topic_id` = ? AND `partition_no` = ?;
SELECT `applied` FROM `_fluxa_async_offsets` WHERE `topic` = ? AND `topic_id` = ? AND `partition_no` = ?;
SELECT `partition_no`, `applied`, `failed` FROM `_fluxa_async_offsets` WHERE `topic` = ? AND `topic_id` = ?;
