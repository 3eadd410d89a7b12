ALTER TABLE `Product`
  DROP FOREIGN KEY `fk_1`,
  RENAME COLUMN `old` TO `new`,
  ADD COLUMN `born` date NOT NULL DEFAULT '1970-01-01',
  ADD COLUMN `count` int unsigned NOT NULL DEFAULT '0',
  MODIFY COLUMN `b` varchar(20) NULL DEFAULT NULL,
  ALTER COLUMN `a` SET DEFAULT '7',
  ADD INDEX `count` (`count`, `born`),
  DROP INDEX `a_b`,
  ADD UNIQUE INDEX `a_b` (`b`, `a`),
  DROP INDEX `c`,
  DROP COLUMN `c`;
ALTER TABLE `Product`
  ALTER COLUMN `born` DROP DEFAULT;
