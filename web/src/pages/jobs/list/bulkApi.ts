// The requests of bulk actions.
import { api, data } from "../../../api/http";
import type { BulkApi } from "./bulk";

export const BULK: BulkApi = {
  statuses: async (jids) => data(await api.POST("/v1/jobs/status", { body: { jids } })).statuses,
  list: async (before) => data(await api.GET("/v1/jobs", { params: { query: { before, limit: 1000 } } })),
  kill: async (jids) => data(await api.POST("/v1/jobs/kill", { body: { jids } })).killed,
  remove: async (jids) => data(await api.POST("/v1/jobs/delete", { body: { jids } })).deleted,
};
