// Holds the manifests on standard input (a JSON list) against the types of KEDA and the Prometheus operator: fields that
// have to be there, and types of values. Prints a line for each that is wrong, and ends with 1 then.
import { readFileSync } from 'node:fs';
import { ScaledObject } from '@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject';
import { PrometheusRule } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule';
import { ServiceMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor';

const models = { ScaledObject, PrometheusRule, ServiceMonitor };
let wrong = 0;
for (const manifest of JSON.parse(readFileSync(0, 'utf8'))) {
  const Model = models[manifest.kind];
  try {
    if (!Model) throw new Error('no type is known');
    new Model(manifest).validate();
  } catch (error) {
    wrong = 1;
    console.log(`${manifest.kind} ${manifest.metadata?.name}: ${error.message}`);
  }
}
process.exit(wrong);
