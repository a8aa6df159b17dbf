"""Post hoc attribution: functions from (subject, images, target) to maps. What a map is worth, `audit` measures."""
