ALTER TABLE `Product` ADD COLUMN `count` INTEGER /* int unsigned */ NOT NULL DEFAULT 0 CHECK (`count` BETWEEN 0 AND 4294967295);
CREATE INDEX `Product.count` ON `Product` (`count`, `born`);
