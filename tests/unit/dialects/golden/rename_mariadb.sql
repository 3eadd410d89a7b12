RENAME TABLE `Product` TO `Article`;
DROP TABLE `Old`;
