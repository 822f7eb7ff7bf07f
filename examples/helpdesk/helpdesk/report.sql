-- name: day :all -> Day
-- What happened since; every tenant has a line.
SELECT t.id, t.name, count(k.id) AS opened, count(k.id) FILTER (WHERE k.status = 'done') AS done,
       max(now() - k.created_at) FILTER (WHERE k.status <> 'done') AS longest
FROM tenants t LEFT JOIN tickets k ON k.tenant_id = t.id AND k.created_at >= %(since)s
GROUP BY t.id ORDER BY t.id;
