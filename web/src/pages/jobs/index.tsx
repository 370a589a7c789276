// Jobs: the list, and below it one job. Each is loaded when it is gone to.
import { lazy } from "preact/compat";
import { Redirect, useLocation } from "wouter-preact";
import JobListPage from "./list";

const JobPage = lazy(() => import("./one"));

export default function JobsPage() {
  const [address] = useLocation();
  if (address === "/jobs") return <JobListPage />;
  const jid = /^\/jobs\/([1-9]\d{0,15})$/.exec(address)?.[1];
  return jid ? <JobPage key={jid} jid={Number(jid)} /> : <Redirect to="/jobs" replace />;
}
