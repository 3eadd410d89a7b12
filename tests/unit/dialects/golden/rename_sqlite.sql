ALTER TABLE `Product` RENAME TO `Article`;
DROP INDEX `Product.a_b`;
DROP INDEX `Product.c`;
DROP INDEX `Product.d`;
CREATE INDEX `Article.a_b` ON `Article` (`a`, `b`);
CREATE UNIQUE INDEX `Article.c` ON `Article` (`c`);
CREATE INDEX `Article.d` ON `Article` (`a`);
DROP TABLE `Old`;
