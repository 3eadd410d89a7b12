ALTER TABLE `Product`
  ADD COLUMN `count` int unsigned NOT NULL DEFAULT '0',
  ADD INDEX `count` (`count`, `born`),
  ALGORITHM=INPLACE, LOCK=NONE;
