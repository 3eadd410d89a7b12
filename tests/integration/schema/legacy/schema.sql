-- A database as one finds them: grown over years, in three character sets, by people who liked every type.
-- Statements are parted by a semicolon at the end of a line.
CREATE TABLE `customers` (
  `customer_id` int unsigned NOT NULL AUTO_INCREMENT,
  `e-mail` varchar(100) DEFAULT NULL,
  `class` enum('gold','silver','it''s \\ odd') NOT NULL DEFAULT 'silver',
  `id` varchar(20) NOT NULL DEFAULT '',
  `from` date DEFAULT NULL,
  `date` date NOT NULL DEFAULT '2000-01-01',
  `1st_order` datetime(3) DEFAULT NULL,
  `_hidden` smallint NOT NULL DEFAULT -5,
  `delete` tinyint(1) NOT NULL DEFAULT 0,
  `flags` set('a','b','c') NOT NULL DEFAULT 'a,c',
  `country` enum('Austria','Belgium','Bulgaria','Croatia','Cyprus','Denmark','Estonia','Finland') DEFAULT 'Cyprus',
  `zones` set('Amsterdam','Berlin','Copenhagen','Dublin','Edinburgh','Florence','Geneva','Helsinki') NOT NULL DEFAULT '',
  `alike` enum('a','A') CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT 'A',
  `notes` text,
  `secret` binary(16) DEFAULT NULL,
  `address` varbinary(16) DEFAULT NULL,
  `photo` longblob,
  `fake_delete` int unsigned NOT NULL DEFAULT 0,
  `created_at` timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (`customer_id`),
  UNIQUE KEY `uq_id` (`id`,`fake_delete`),
  KEY `class` (`class`),
  KEY `class_from` (`class`,`from`),
  KEY `notes_start` (`notes`(20)),
  KEY `newest` (`from` DESC),
  KEY `fake_delete` (`fake_delete`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE `orders` (
  `id` bigint unsigned NOT NULL,
  `customer_id` int unsigned NOT NULL,
  `category_id` smallint unsigned DEFAULT NULL,
  `category` varchar(30) NOT NULL DEFAULT 'none',
  `parent` bigint unsigned DEFAULT NULL,
  `signed_id` int DEFAULT NULL,
  `total` decimal(12,2) NOT NULL DEFAULT '0.00',
  `weight` double DEFAULT NULL,
  `ratio` float NOT NULL DEFAULT '0.1',
  `positive` double unsigned NOT NULL DEFAULT 1,
  `bits` bit(12) NOT NULL DEFAULT b'101',
  `flag` bit(1) DEFAULT b'1',
  `made` year DEFAULT NULL,
  `took` time(2) DEFAULT '-01:30:00.50',
  `place` point DEFAULT NULL,
  `corner` geometry NOT NULL,
  `data` json DEFAULT NULL,
  `huge` varchar(16383) CHARACTER SET latin1 DEFAULT NULL,
  `doubled` decimal(13,2) GENERATED ALWAYS AS (`total` * 2) STORED,
  `updated_at` datetime NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (`id`),
  UNIQUE KEY `total` (`total`),
  KEY `orders_customer` (`customer_id`),
  KEY `category_id` (`category_id`),
  KEY `parent` (`parent`),
  KEY `to_signed` (`signed_id`),
  SPATIAL KEY `corner` (`corner`),
  FULLTEXT KEY `words` (`category`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE `categories` (
  `id` smallint unsigned NOT NULL,
  `name` varchar(60) NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE `signed` (
  `id` int NOT NULL AUTO_INCREMENT,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB;
ALTER TABLE `orders`
  ADD CONSTRAINT `orders_customer` FOREIGN KEY (`customer_id`) REFERENCES `customers` (`customer_id`) ON DELETE CASCADE,
  ADD CONSTRAINT `orders_category` FOREIGN KEY (`category_id`) REFERENCES `categories` (`id`),
  ADD CONSTRAINT `orders_parent` FOREIGN KEY (`parent`) REFERENCES `orders` (`id`),
  ADD CONSTRAINT `orders_signed` FOREIGN KEY (`signed_id`) REFERENCES `signed` (`id`);
CREATE TABLE `latin` (
  `id` int unsigned NOT NULL,
  `name` varchar(200) NOT NULL,
  `long_name` varchar(1000) NOT NULL,
  `code` char(3) NOT NULL,
  PRIMARY KEY (`id`),
  KEY `long_name` (`long_name`)
) ENGINE=InnoDB DEFAULT CHARSET=latin1;
CREATE TABLE `wide` (
  `id` int unsigned NOT NULL,
  `one` varchar(12000) NOT NULL,
  `two` varchar(12000) NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=latin1;
CREATE TABLE `order_items` (
  `order_id` bigint unsigned NOT NULL,
  `position` int NOT NULL,
  PRIMARY KEY (`order_id`,`position`)
) ENGINE=InnoDB;
CREATE TABLE `log` (`message` text) ENGINE=InnoDB;
CREATE TABLE `codes` (`code` varchar(10) NOT NULL, PRIMARY KEY (`code`)) ENGINE=InnoDB;
CREATE TABLE `weird name` (`id` int unsigned NOT NULL, PRIMARY KEY (`id`)) ENGINE=InnoDB;
CREATE VIEW `big_orders` AS SELECT `id`, `total` FROM `orders` WHERE `total` > 100;
