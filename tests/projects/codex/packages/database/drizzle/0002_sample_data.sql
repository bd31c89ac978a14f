INSERT INTO "users" ("email", "name") VALUES
	('ada@example.com', 'Ada Okafor'),
	('jun@example.com', 'Jun Watanabe'),
	('mireille@example.com', 'Mireille Lafont');
--> statement-breakpoint
INSERT INTO "sessions" ("user_id", "expires_at")
	SELECT "id", now() + interval '14 days' FROM "users" WHERE "email" = 'ada@example.com';
--> statement-breakpoint
INSERT INTO "products" ("slug", "title", "price_cents", "published") VALUES
	('breath-and-voice', 'Breath and Voice: six lessons', 4900, true),
	('evening-talks', 'Evening Talks, the recordings', 1900, true),
	('field-notes', 'Field Notes & Sketches (PDF)', 1250, true),
	('winter-retreat', 'Winter Retreat: a place on site', 32000, false);
