{{- define "solodisk.image" -}}
image: {{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- end }}

{{- define "solodisk.probe" -}}
exec:
  command: [solodisk, agent, --probe{{ with .Values.listen }}, {{ printf "--listen=%s" . | quote }}{{ end }}]
{{- end }}

{{- /* The init container: a list of the root context and the plugin directory. */}}
{{- define "solodisk.install" -}}
{{- $root := index . 0 }}
{{- $dir := index . 1 }}
- name: install
  {{- include "solodisk.image" $root | nindent 2 }}
  command: [solodisk, install, {{ printf "--plugin-dir=%s" $dir | quote }}, --attach={{ $root.Values.attach }}]
  resources:
    requests:
      cpu: 10m
      memory: 16Mi
    limits:
      memory: 64Mi
  securityContext:
    # Root without a capability owns the plugin directory, and that is enough.
    runAsUser: 0
    runAsGroup: 0
    allowPrivilegeEscalation: false
    readOnlyRootFilesystem: true
    capabilities:
      drop: [ALL]
    seccompProfile:
      type: RuntimeDefault
    # With SELinux a container may not write to the host's /usr otherwise.
    seLinuxOptions:
      type: spc_t
  volumeMounts:
    - name: plugins
      mountPath: {{ $dir | quote }}
    # The mode is not changed while a volume is in use.
    - name: run
      mountPath: /run/solodisk
      readOnly: true
{{- end }}
