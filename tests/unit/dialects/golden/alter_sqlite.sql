CREATE TABLE `_fluxa_rebuild_Product` (
  `id` INTEGER /* bigint unsigned */ NOT NULL PRIMARY KEY CHECK (`id` >= 0),
  `a` INTEGER /* int */ NOT NULL DEFAULT 7 CHECK (`a` BETWEEN -2147483648 AND 2147483647),
  `b` TEXT /* varchar(20) */ CHECK (length(`b`) <= 20),
  `new` INTEGER /* int */ NOT NULL CHECK (`new` BETWEEN -2147483648 AND 2147483647),
  `born` TEXT /* date */ NOT NULL CHECK (`born` IS date(`born`)),
  `count` INTEGER /* int unsigned */ NOT NULL DEFAULT 0 CHECK (`count` BETWEEN 0 AND 4294967295)
) STRICT;
INSERT INTO `_fluxa_rebuild_Product` (`id`, `a`, `b`, `new`, `born`) SELECT `id`, `a`, `b`, `old`, '1970-01-01' FROM `Product`;
DROP TABLE `Product`;
ALTER TABLE `_fluxa_rebuild_Product` RENAME TO `Product`;
CREATE UNIQUE INDEX `Product.a_b` ON `Product` (`b`, `a`);
CREATE INDEX `Product.d` ON `Product` (`a`);
CREATE INDEX `Product.count` ON `Product` (`count`, `born`);
