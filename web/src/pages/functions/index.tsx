// Published functions: all of them, or one.
import { useEffect } from "preact/hooks";
import { useLabel } from "../../ui/label";
import { FunctionList } from "./FunctionList";
import { OneFunction } from "./OneFunction";
import "../../ui/cards.css";
import "./functions.css";

export default function FunctionsPage() {
  const label = useLabel("/functions");
  useEffect(() => {
    document.title = `${label ?? "Functions"} · picloud`;
  }, [label]);
  return label === undefined ? <FunctionList /> : <OneFunction key={label} label={label} />;
}
