{{/* Names and labels. A release that has the chart's name is called only that. */}}
{{- define "crossmill.name" -}}
{{- if contains .Chart.Name .Release.Name -}}{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else -}}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{- end -}}
{{- end }}

{{- define "crossmill.selector" -}}
app.kubernetes.io/name: crossmill
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "crossmill.labels" -}}
{{ include "crossmill.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "crossmill.tlsSecret" -}}
{{- .Values.tls.existingSecret | default (printf "%s-tls" (include "crossmill.name" .)) -}}
{{- end }}

{{/* A name of the Service that is in its certificate. */}}
{{- define "crossmill.host" -}}
{{ include "crossmill.name" . }}.{{ .Release.Namespace }}.svc
{{- end }}

{{/* Values of one pool: those of workerDefaults, and its own above them, zeros and nulls too. (list ROOT POOL), as YAML. */}}
{{- define "crossmill.pool" -}}
{{- $root := index . 0 -}}
{{- $pool := deepCopy $root.Values.workerDefaults -}}
{{- range $key, $value := index . 1 -}}
{{- if and (kindIs "map" $value) (kindIs "map" (index $pool $key)) -}}
{{- range $inner, $what := $value }}{{ $_ := set (index $pool $key) $inner $what }}{{ end -}}
{{- else -}}{{- $_ := set $pool $key $value -}}{{- end -}}
{{- end -}}
{{- $_ := set $pool "sandbox" ($pool.sandbox | default $root.Values.sandbox) -}}
{{- $_ := set $pool "tokenSecret" ($pool.tokenSecret | default (printf "%s-%s-token" (include "crossmill.name" $root) $pool.name)) -}}
{{- if not (has $pool.sandbox (list "rootless" "privileged")) -}}
{{- fail (printf "sandbox of the pool %s is %q: it is rootless or privileged" $pool.name $pool.sandbox) -}}
{{- end -}}
{{- if not (has $pool.autoscaling.by (list "" "keda" "hpa")) -}}
{{- fail (printf "autoscaling.by of the pool %s is %q: it is keda, hpa or empty" $pool.name $pool.autoscaling.by) -}}
{{- end -}}
{{- toYaml $pool -}}
{{- end }}

{{/* A value as TOML has it. Numbers of values.yaml are floating-point ones, and what is whole is printed so. */}}
{{- define "crossmill.tomlValue" -}}
{{- if kindIs "slice" . -}}
[{{ range $index, $item := . }}{{ if $index }}, {{ end }}{{ include "crossmill.tomlValue" $item }}{{ end }}]
{{- else if kindIs "float64" . -}}
{{ if eq (floor .) . }}{{ int64 . }}{{ else }}{{ . }}{{ end }}
{{- else if or (kindIs "bool" .) (kindIs "int" .) (kindIs "int64" .) -}}
{{ . }}
{{- else -}}
{{ toString . | toJson }}
{{- end -}}
{{- end }}

{{/* A settings file: first what is no table. */}}
{{- define "crossmill.toml" -}}
{{- $settings := . -}}
{{- range $name := keys . | sortAlpha -}}
{{- $value := index $settings $name -}}
{{- if not (or (kindIs "map" $value) (kindIs "invalid" $value)) }}
{{ $name }} = {{ include "crossmill.tomlValue" $value }}
{{- end }}
{{- end }}
{{- range $name := keys . | sortAlpha -}}
{{- $value := index $settings $name -}}
{{- if kindIs "map" $value }}

[{{ $name }}]
{{- include "crossmill.toml" $value }}
{{- end }}
{{- end }}
{{- end }}
