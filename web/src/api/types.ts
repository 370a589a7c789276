// Short names for what the API's document defines.
import type { components, paths } from "./schema";

type Schemas = components["schemas"];

export type Session = Schemas["Session"];
export type SessionRow = Schemas["SessionRow"];
export type LinkAbout = Schemas["LinkAbout"];
export type LinkMade = Schemas["LinkMade"];
export type KeySecret = Schemas["KeySecret"];
export type Account = Schemas["Account"];
export type WorkerRow = Schemas["WorkerRow"];
export type UsageReply = Schemas["UsageReply"];
export type UsageRow = Schemas["UsageRow"];
export type BucketInfo = Schemas["BucketInfo"];
export type ObjectInfo = Schemas["ObjectInfo"];
export type ListReply = Schemas["ListReply"];
export type Volume = Schemas["Volume"];
export type ListedEntry = Schemas["ListedEntry"];
export type JobRow = Schemas["JobRow"];
export type JobInfo = Schemas["JobInfo"];
export type JobList = Schemas["JobList"];
export type MapRow = Schemas["MapRow"];
export type Sample = Schemas["Sample"];
export type Usage = Schemas["Usage"];
export type Failure = Schemas["Failure"];
export type ProfileCalls = Schemas["ProfileCalls"];
export type QueueInfo = Schemas["QueueInfo"];
export type MessageJson = Schemas["MessageJson"];
export type Key = Schemas["Key"];
export type ServiceInfo = Schemas["ServiceInfo"];
export type ApiErrorBody = Schemas["ApiError"];
export type JobQuery = NonNullable<paths["/v1/jobs"]["get"]["parameters"]["query"]>;

/** Names of job statuses, as the API has them. */
export const STATUSES = ["waiting", "queued", "processing", "done", "error", "killed", "stalled"] as const;
export type Status = (typeof STATUSES)[number];
export const UNFINISHED: ReadonlySet<string> = new Set(["waiting", "queued", "processing"]);
